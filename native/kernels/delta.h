// Task vectors: d = x - base, rounded to binary32, and their magnitudes as unsigned integers.
// The bits of |d| order magnitudes; every NaN counts as 0x7FFFFFFF, the largest.
//
// delta_magnitude: the bits of |d|, element by element (input of the selection).
// collect_magnitude: counts the bits above a range and keeps those inside it, in order, apart from
//                  frequent ones, which are counted.
// keep_magnitude:  bit i is set iff bits > threshold, or bits == threshold and i < cut.
// delta_sum:       lane sums of |d| and of |d| where the mask has a bit (L1 rescale), in binary64.
// Memory: one read of x and base each; the outputs are tiles.
#pragma once

#include "args.h"
#include "walk.h"

namespace {

using weightloom::CollectArgs;
using weightloom::DeltaArgs;
using weightloom::DeltaSumArgs;
using weightloom::MagnitudeMaskArgs;

template <class V, class C, class At>
inline typename V::U magnitude_at(At at, const void* x, const void* base) {
  const auto d = V::sub(at.load(x), at.load(base));
  return V::select_u32(V::is_nan(d), V::set_u32(0x7FFFFFFFu), V::as_u32(V::abs(d)));
}

template <class V, class C>
void delta_magnitude(const DeltaArgs& a) {
  walk<V, C>(a.n, [&](auto at) {
    uint32_t lanes[V::lanes];
    V::store_u32(lanes, magnitude_at<V, C>(at, a.x, a.base));
    std::memcpy(a.magnitudes + at.at, lanes, static_cast<size_t>(at.live) * 4);
  });
}

template <class V, class C>
void collect_magnitude(const CollectArgs& a) {
  const auto low = V::set_u32(a.low);
  const auto high = V::set_u32(a.high);
  uint64_t above = 0;
  uint64_t inside = *a.inside;
  walk<V, C>(a.n, [&](auto at) {
    const auto bits = magnitude_at<V, C>(at, a.x, a.base);
    const uint32_t live = static_cast<uint32_t>((uint64_t{1} << at.live) - 1);
    const uint32_t over = V::bits(V::less_u32(high, bits)) & live;
    const uint32_t under = V::bits(V::less_u32(bits, low)) & live;
    above += static_cast<uint64_t>(__builtin_popcount(over));
    uint32_t in = live & ~(over | under);
    if (in == 0) return;
    for (uint32_t f = 0; f < a.frequent_count; ++f) {
      const uint32_t hit = V::bits(V::equal_u32(bits, V::set_u32(a.frequent[f]))) & in;
      a.tallies[f] += static_cast<uint32_t>(__builtin_popcount(hit));
      in &= ~hit;
    }
    if (a.keys == nullptr) {
      inside += static_cast<uint64_t>(__builtin_popcount(in));
      return;
    }
    if (in == 0) return;
    V::store_chosen_u32(a.keys + inside, in, bits);
    inside += static_cast<uint64_t>(__builtin_popcount(in));
  });
  *a.above += above;
  *a.inside = inside;
}

template <class V, class C>
void keep_magnitude(const MagnitudeMaskArgs& a) {
  const auto threshold = V::set_u32(a.threshold);
  const auto cut = V::set_u32(a.cut);
  uint64_t word = 0;
  walk<V, C>(a.n, [&](auto at) {
    const auto bits = magnitude_at<V, C>(at, a.x, a.base);
    const auto tied = V::both(V::equal_u32(bits, threshold),
                              V::less_u32(V::iota(static_cast<uint32_t>(at.at)), cut));
    const uint64_t kept = V::bits(V::either(V::less_u32(threshold, bits), tied));
    word |= kept << (at.at % 64);
    if (at.at % 64 == 64 - V::lanes || at.at + at.live == a.n) {
      a.mask[at.at / 64] = word;
      word = 0;
    }
  });
}

template <class V>
inline typename V::M mask_at(const uint64_t* mask, size_t at) {
  return V::mask(static_cast<uint32_t>(mask[at / 64] >> (at % 64)));
}

template <class V, class C>
void delta_sum(const DeltaSumArgs& a) {
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
    kept[g] = V::add_f64(kept[g], V::keep(mask_at<V>(a.mask, at.at), d));
  });
  for (int g = 0; g < groups; ++g) {
    V::store_f64(a.lane_sums + g * V::lanes, all[g]);
    V::store_f64(a.kept_lane_sums + g * V::lanes, kept[g]);
  }
}

}  // namespace
