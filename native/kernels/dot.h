// dot: lane sums of x*y in binary64, the entries of a Gram matrix.
//
// Element i goes to lane i % 16 whatever the vector width; the product of two binary32 numbers is
// exact in binary64, so each element costs one rounding. The engine folds the 16 lanes of every
// block of 65,536 elements pairwise (8, 4, 2, 1) and adds the blocks in order.
// Padding of a partial step adds +0, which changes no sum. Memory: one read of x and y.
#pragma once

#include "args.h"
#include "walk.h"

namespace {

using weightloom::DotArgs;

template <class V, class C>
void dot(const DotArgs& a) {
  constexpr int groups = 16 / V::lanes;
  typename V::D sums[groups];
  for (int g = 0; g < groups; ++g) sums[g] = V::load_f64(a.lane_sums + g * V::lanes);
  size_t i = 0;
  for (; i + 16 <= a.n; i += 16) {
    for (int g = 0; g < groups; ++g) {
      const All<V, C> at{i + static_cast<size_t>(g) * V::lanes};
      sums[g] = V::add_product(sums[g], at.load(a.x), at.load(a.y));
    }
  }
  for (int g = 0; i < a.n; ++g, i += V::lanes) {
    const size_t left = a.n - i;
    const Some<V, C> at{i, static_cast<int>(left < V::lanes ? left : V::lanes)};
    sums[g] = V::add_product(sums[g], at.load(a.x), at.load(a.y));
  }
  for (int g = 0; g < groups; ++g) V::store_f64(a.lane_sums + g * V::lanes, sums[g]);
}

}  // namespace
