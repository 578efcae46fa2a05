// compare: how the elements of x differ from those of base. Five lane sums in binary64: base*base,
// base*x, x*x, d*d and |d|, where d = x - base is rounded to binary32; the largest |d|; and how
// many elements have the same bits. conflicts: over the deltas of several inputs, how many elements
// have deltas of both signs, and how many have a delta at all; lane sums of |sum of the deltas|,
// each addition rounded to binary32.
//
// Lanes as in dot.h. A NaN delta is never the largest and has no sign. Padding of a partial step is
// equal to itself and adds +0. Memory: one read of each input for each group of lanes, in cache.
#pragma once

#include "args.h"
#include "walk.h"

namespace {

using weightloom::CompareArgs;
using weightloom::ConflictArgs;

constexpr int kCompareSums = 5;

template <class V>
struct Compared {
  typename V::D sums[kCompareSums];
  typename V::F largest;
  typename V::U equal;
};

template <class V, class At>
inline void compare_step(const CompareArgs& a, At at, Compared<V>& c) {
  const auto base = at.load(a.base);
  const auto x = at.load(a.x);
  const auto d = V::sub(x, base);
  const auto size = V::abs(d);
  c.sums[0] = V::add_product(c.sums[0], base, base);
  c.sums[1] = V::add_product(c.sums[1], base, x);
  c.sums[2] = V::add_product(c.sums[2], x, x);
  c.sums[3] = V::add_product(c.sums[3], d, d);
  c.sums[4] = V::add_size(c.sums[4], d);
  c.largest = V::select(V::greater(size, c.largest), size, c.largest);
  const auto same = V::equal_u32(V::as_u32(x), V::as_u32(base));
  c.equal = V::add_u32(c.equal, V::select_u32(same, V::set_u32(1), V::set_u32(0)));
}

template <class V, class C>
void compare(const CompareArgs& a) {
  constexpr int groups = 16 / V::lanes;
  Compared<V> c;
  c.largest = V::set(*a.largest);
  c.equal = V::set_u32(0);
  uint64_t padding = 0;
  for (int g = 0; g < groups; ++g) {
    double* const lanes = a.lane_sums + g * V::lanes;
    for (int k = 0; k < kCompareSums; ++k) c.sums[k] = V::load_f64(lanes + 16 * k);
    size_t i = static_cast<size_t>(g) * V::lanes;
    for (; i + V::lanes <= a.n; i += 16) compare_step<V>(a, All<V, C>{i}, c);
    if (i < a.n) {
      const int live = static_cast<int>(a.n - i);
      compare_step<V>(a, Some<V, C>{i, live}, c);
      padding += static_cast<uint64_t>(V::lanes - live);
    }
    for (int k = 0; k < kCompareSums; ++k) V::store_f64(lanes + 16 * k, c.sums[k]);
  }
  float largest[V::lanes];
  uint32_t equal[V::lanes];
  V::store(largest, c.largest);
  V::store_u32(equal, c.equal);
  for (int i = 0; i < V::lanes; ++i) {
    if (largest[i] > *a.largest) *a.largest = largest[i];
    *a.equal += equal[i];
  }
  *a.equal -= padding;
}

template <class V, class At>
inline void conflicts_step(const ConflictArgs& a, At at, typename V::D& sums) {
  const auto zero = V::set(0.0f);
  const auto base = at.load(a.base);
  auto sum = V::sub(at.load(a.inputs[0]), base);
  auto above = V::greater(sum, zero);
  auto below = V::less(sum, zero);
  for (uint32_t m = 1; m < a.input_count; ++m) {
    const auto d = V::sub(at.load(a.inputs[m]), base);
    above = V::either(above, V::greater(d, zero));
    below = V::either(below, V::less(d, zero));
    sum = V::add(sum, d);
  }
  sums = V::add_size(sums, sum);
  *a.conflicts += static_cast<uint64_t>(__builtin_popcount(V::bits(V::both(above, below))));
  *a.active += static_cast<uint64_t>(__builtin_popcount(V::bits(V::either(above, below))));
}

template <class V, class C>
void conflicts(const ConflictArgs& a) {
  constexpr int groups = 16 / V::lanes;
  for (int g = 0; g < groups; ++g) {
    double* const lanes = a.lane_sums + g * V::lanes;
    auto sums = V::load_f64(lanes);
    size_t i = static_cast<size_t>(g) * V::lanes;
    for (; i + V::lanes <= a.n; i += 16) conflicts_step<V>(a, All<V, C>{i}, sums);
    if (i < a.n) conflicts_step<V>(a, Some<V, C>{i, static_cast<int>(a.n - i)}, sums);
    V::store_f64(lanes, sums);
  }
}

}  // namespace
