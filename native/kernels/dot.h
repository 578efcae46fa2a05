// dot: lane sums of x*y in binary64. With a base, of the deltas x - base and y - base, each rounded
// to binary32 first. gram: the same for all pairs of some vectors, (0, 0), (0, 1), ..., (1, 1),
// ...; two or three vectors are read and widened once.
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
using weightloom::GramArgs;

template <class V, class C, bool with_base>
ANYWHERE void dot_lanes(const DotArgs& a) {
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
ANYWHERE void dot(const DotArgs& a) {
  if (a.base == nullptr) {
    dot_lanes<V, C, false>(a);
  } else {
    dot_lanes<V, C, true>(a);
  }
}

// Adds one group of lanes to the sums of all pairs.
template <class V, class C, int count, bool with_base, class At>
ANYWHERE inline void add_pairs(const GramArgs& a, At at, typename V::D* sums) {
  typename V::F x[count];
  for (int i = 0; i < count; ++i) {
    x[i] = at.load(a.vectors[i]);
    if constexpr (with_base) x[i] = V::sub(x[i], at.load(a.base));
  }
  int pair = 0;
  for (int i = 0; i < count; ++i) {
    for (int j = i; j < count; ++j, ++pair) sums[pair] = V::add_product(sums[pair], x[i], x[j]);
  }
}

template <class V, class C, int count, bool with_base>
ANYWHERE void gram_lanes(const GramArgs& a) {
  constexpr int groups = 16 / V::lanes;
  constexpr int pairs = count * (count + 1) / 2;
  for (int g = 0; g < groups; ++g) {
    typename V::D sums[pairs];
    double* const lanes = a.lane_sums + g * V::lanes;
    for (int k = 0; k < pairs; ++k) sums[k] = V::load_f64(lanes + 16 * k);
    size_t i = static_cast<size_t>(g) * V::lanes;
    for (; i + V::lanes <= a.n; i += 16) {
      add_pairs<V, C, count, with_base>(a, All<V, C>{i}, sums);
    }
    if (i < a.n) {
      add_pairs<V, C, count, with_base>(a, Some<V, C>{i, static_cast<int>(a.n - i)}, sums);
    }
    for (int k = 0; k < pairs; ++k) V::store_f64(lanes + 16 * k, sums[k]);
  }
}

template <class V, class C, int count>
ANYWHERE void gram_of(const GramArgs& a) {
  if (a.base == nullptr) {
    gram_lanes<V, C, count, false>(a);
  } else {
    gram_lanes<V, C, count, true>(a);
  }
}

template <class V, class C>
ANYWHERE void gram(const GramArgs& a) {
  if (a.count == 2) return gram_of<V, C, 2>(a);
  if (a.count == 3) return gram_of<V, C, 3>(a);
  double* sums = a.lane_sums;
  for (uint32_t i = 0; i < a.count; ++i) {
    for (uint32_t j = i; j < a.count; ++j, sums += 16) {
      dot<V, C>({a.vectors[i], a.vectors[j], a.base, a.n, sums});
    }
  }
}

}  // namespace
