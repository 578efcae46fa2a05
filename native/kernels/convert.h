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
  walk<V, C>(a.n, [&](auto at) { of<F32>(at).store(a.out, at.load(a.in)); });
}

template <class V, class C>
ANYWHERE void encode(const EncodeArgs& a) {
  walk<V, C>(a.n, [&](auto at) { at.store(a.out, of<F32>(at).load(a.in)); });
}

}  // namespace
