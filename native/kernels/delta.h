// Task vectors: d = x - base, rounded to binary32, and their magnitudes as unsigned integers.
// The bits of |d| order magnitudes; every NaN counts as 0x7FFFFFFF, the largest.
//
// delta_magnitude: the bits of |d|, element by element (input of the selection).
// collect_magnitude: counts the bits above a range and those inside it, and keeps these in order.
// keep_magnitude:  bit i is set iff bits > threshold, or bits == threshold and i < cut.
// delta_squares:   lane sums of d * d where the mask has a bit, in binary64; the product is exact.
// delta_sum:       lane sums of |d| and of |d| where the mask has a bit (L1 rescale), in binary64.
// Memory: one read of x and base each; the outputs are tiles.
#pragma once

#include "args.h"
#include "keys.h"
#include "walk.h"

namespace {

using weightloom::CollectArgs;
using weightloom::DeltaArgs;
using weightloom::DeltaSquaresArgs;
using weightloom::DeltaSumArgs;
using weightloom::MagnitudeMaskArgs;

// Infinity; what is larger is NaN.
constexpr uint32_t kInfinityKey = 0x7F800000u;

// `as_it_is`: where every NaN may keep its own bits, as all of them are above what they are held
// against.
template <class V, class C, bool as_it_is = false, class At>
ANYWHERE inline typename V::U magnitude_at(At at, const void* x, const void* base) {
  const auto d = V::sub(at.load(x), at.load(base));
  const auto bits = V::as_u32(V::abs(d));
  return as_it_is ? bits : V::select_u32(V::is_nan(d), V::set_u32(0x7FFFFFFFu), bits);
}

template <class V, class C>
ANYWHERE void delta_magnitude(const DeltaArgs& a) {
  walk<V, C>(a.n,
             [&](auto at) { at.store_u32(a.magnitudes, magnitude_at<V, C>(at, a.x, a.base)); });
}

template <class V, class C, bool as_it_is, bool keeps>
ANYWHERE void collect_of(const CollectArgs& a) {
  const auto low = V::set_u32(a.low), high = V::set_u32(a.high);
  uint64_t above = 0, inside = *a.inside;
  walk<V, C>(a.n, [&](auto at) {
    const auto keys = magnitude_at<V, C, as_it_is>(at, a.x, a.base);
    collect_lanes<V, keeps>(keys, at.live, low, high, a.keys, above, inside);
  });
  *a.above += above;
  *a.inside = inside;
}

template <class V, class C>
ANYWHERE void collect_magnitude(const CollectArgs& a) {
  const bool as_it_is = a.high <= kInfinityKey;
  if (a.keys == nullptr) {
    return as_it_is ? collect_of<V, C, true, false>(a) : collect_of<V, C, false, false>(a);
  }
  return as_it_is ? collect_of<V, C, true, true>(a) : collect_of<V, C, false, true>(a);
}

template <class V, class C>
ANYWHERE void keep_magnitude(const MagnitudeMaskArgs& a) {
  const auto threshold = V::set_u32(a.threshold), cut = V::set_u32(a.cut);
  uint64_t word = 0;
  walk<V, C>(a.n, [&](auto at) {
    const auto keys = magnitude_at<V, C>(at, a.x, a.base);
    add_bits<V>(kept_bits<V>(keys, at.at, threshold, cut), at.at, at.live, a.n, a.mask, word);
  });
}

template <class V>
ANYWHERE inline typename V::M mask_at(const uint64_t* mask, size_t at) {
  return V::mask(static_cast<uint32_t>(mask[at / 64] >> (at % 64)));
}

template <class V, class C>
ANYWHERE void delta_sum(const DeltaSumArgs& a) {
  constexpr int groups = 16 / V::lanes;
  typename V::D all[groups];
  typename V::D kept[groups];
  for (int g = 0; g < groups; ++g) {
    all[g] = V::load_f64(a.lane_sums + g * V::lanes);
    kept[g] = V::load_f64(a.kept_lane_sums + g * V::lanes);
  }
  walk<V, C>(a.n, [&](auto at) {
    const auto d = V::abs(V::sub(at.load(a.x), at.load(a.base)));
    const int g = static_cast<int>(at.at / V::lanes) % groups;
    all[g] = V::add_f64(all[g], d);
    kept[g] = V::add_kept_f64(kept[g], mask_at<V>(a.mask, at.at), d);
  });
  for (int g = 0; g < groups; ++g) {
    V::store_f64(a.lane_sums + g * V::lanes, all[g]);
    V::store_f64(a.kept_lane_sums + g * V::lanes, kept[g]);
  }
}

template <class V, class C>
ANYWHERE void delta_squares(const DeltaSquaresArgs& a) {
  constexpr int groups = 16 / V::lanes;
  typename V::D sums[groups];
  for (int g = 0; g < groups; ++g) sums[g] = V::load_f64(a.lane_sums + g * V::lanes);
  walk<V, C>(a.n, [&](auto at) {
    auto d = V::sub(at.load(a.x), at.load(a.base));
    if (a.mask != nullptr) d = V::keep(mask_at<V>(a.mask, at.at), d);
    const int g = static_cast<int>(at.at / V::lanes) % groups;
    sums[g] = V::add_product(sums[g], d, d);
  });
  for (int g = 0; g < groups; ++g) V::store_f64(a.lane_sums + g * V::lanes, sums[g]);
}

}  // namespace
