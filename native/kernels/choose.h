// choose: x where the mask has a bit, the base elsewhere; both as they are. The last pass of
// arcee_fusion. NaN: see nonfinite.h. Memory: one pass.
#pragma once

#include "delta.h"
#include "nonfinite.h"

namespace {

using weightloom::ChooseArgs;

template <class V, class C>
ANYWHERE void choose(const ChooseArgs& a) {
  walk<V, C>(a.n, [&](auto at) INLINED {
    const auto chosen = mask_at<V>(a.mask, at.at);
    const auto y = V::select(chosen, at.load(a.x), at.load(a.base));
    put<V>(at, a, y, a.base, &a.x, 1);
  });
}

}  // namespace
