// decode: stored elements to binary32, exactly. encode: binary32 to stored elements, to nearest
// even, NaN kept. They fill and drain the f32 tiles through which mixtures of dtypes go.
#pragma once

#include "args.h"
#include "walk.h"

namespace {

using weightloom::DecodeArgs;
using weightloom::EncodeArgs;

template <class V, class C>
ANYWHERE void decode(const DecodeArgs& a) {
  walk<V, C>(a.n, [&](auto at) {
    float lanes[V::lanes];
    V::store(lanes, at.load(a.in));
    std::memcpy(a.out + at.at, lanes, static_cast<size_t>(at.live) * 4);
  });
}

template <class V, class C>
ANYWHERE void encode(const EncodeArgs& a) {
  walk<V, C>(a.n, [&](auto at) {
    float lanes[V::lanes] = {};
    std::memcpy(lanes, a.in + at.at, static_cast<size_t>(at.live) * 4);
    at.store(a.out, V::load(lanes));
  });
}

}  // namespace
