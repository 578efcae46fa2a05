// dot: lane sums of x*y in binary64, the entries of a Gram matrix. With a base, of the deltas
// x - base and y - base, each rounded to binary32 first.
//
// Element i goes to lane i % 16 whatever the vector width; the product of two binary32 numbers is
// exact in binary64, so each element costs one rounding. The engine folds the 16 lanes of every
// block of 65,536 elements pairwise (8, 4, 2, 1) and adds the blocks in order.
// Padding of a partial step adds +0, which changes no sum. Memory: one read of x, y and base.
#pragma once

#include "args.h"
#include "walk.h"

namespace {

using weightloom::DotArgs;

template <class V, class C, bool with_base>
void dot_lanes(const DotArgs& a) {
  constexpr int groups = 16 / V::lanes;
  typename V::D sums[groups];
  for (int g = 0; g < groups; ++g) sums[g] = V::load_f64(a.lane_sums + g * V::lanes);
  const auto add = [&](auto at, int g) {
    auto x = at.load(a.x);
    auto y = at.load(a.y);
    if constexpr (with_base) {
      const auto base = at.load(a.base);
      x = V::sub(x, base);
      y = V::sub(y, base);
    }
    sums[g] = V::add_product(sums[g], x, y);
  };
  size_t i = 0;
  for (; i + 16 <= a.n; i += 16) {
    for (int g = 0; g < groups; ++g) add(All<V, C>{i + static_cast<size_t>(g) * V::lanes}, g);
  }
  for (int g = 0; i < a.n; ++g, i += V::lanes) {
    const size_t left = a.n - i;
    add(Some<V, C>{i, static_cast<int>(left < V::lanes ? left : V::lanes)}, g);
  }
  for (int g = 0; g < groups; ++g) V::store_f64(a.lane_sums + g * V::lanes, sums[g]);
}

template <class V, class C>
void dot(const DotArgs& a) {
  if (a.base == nullptr) {
    dot_lanes<V, C, false>(a);
  } else {
    dot_lanes<V, C, true>(a);
  }
}

}  // namespace
