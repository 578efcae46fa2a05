// Decisions by rank without sorting; engine/rank.h says how the parts go together.
//
// key_range:   the smallest of the keys above 0 and the largest of those below infinity
//              (0x7F800000), which are infinity and 0 where there are none.
// place_keys:  bins min(key >> shift, top) - low, 0 where that is negative: of equal width in the
//              logarithm, infinities and NaN in the last one. An element's place is how many of its
//              bin came before it. Listed are the bins of keys that the bin's number does not say
//              in full, once for every such key.
// count_below: how many keys are below a bound.
// decide_bins: an element's bin has the high halves of the lowest and the highest threshold of its
//              ranks, packed as low | high << 16. Its word is below all of them when its own high
//              half is below the lower one, and not below any when it is above the higher one. Bit
//              i of the mask is set in the first case; what is neither is listed as undecided.
// Memory: one read of keys, or of bins and words; tables that fit the first cache.
#pragma once

#include <cstring>

#include "../simd/bits.h"
#include "../simd/contract.h"
#include "args.h"

namespace {

using weightloom::BoundArgs;
using weightloom::KeyRangeArgs;
using weightloom::PlaceArgs;
using weightloom::RankBinArgs;

// Calls `body(at, live, load)` for every group of lanes; `load` pads the last one with zeros.
template <class V, class Body>
ANYWHERE inline void walk_u32(size_t n, Body body) {
  size_t i = 0;
  const auto whole = [&](const uint32_t* array) { return V::load_u32(array + i); };
  for (; i + V::lanes <= n; i += V::lanes) body(i, V::lanes, whole);
  const auto part = [&](const uint32_t* array) {
    uint32_t padded[V::lanes] = {};
    std::memcpy(padded, array + i, (n - i) * sizeof(uint32_t));
    return V::load_u32(padded);
  };
  if (i < n) body(i, static_cast<int>(n - i), part);
}

template <class V>
ANYWHERE void key_range(const KeyRangeArgs& a) {
  const auto infinity = V::set_u32(0x7F800000u);
  const auto zero = V::set_u32(0);
  auto smallest = infinity, largest = zero;
  walk_u32<V>(a.n, [&](size_t, int, auto load) {
    const auto key = load(a.keys);
    const auto finite = V::less_u32(key, infinity);
    const auto high = V::select_u32(finite, key, zero);
    const auto low = V::select_u32(V::both(finite, V::less_u32(zero, key)), key, infinity);
    largest = V::select_u32(V::less_u32(largest, high), high, largest);
    smallest = V::select_u32(V::less_u32(low, smallest), low, smallest);
  });
  uint32_t low[V::lanes], high[V::lanes];
  V::store_u32(low, smallest);
  V::store_u32(high, largest);
  *a.smallest = low[0];
  *a.largest = high[0];
  for (int i = 1; i < V::lanes; ++i) {
    *a.smallest = low[i] < *a.smallest ? low[i] : *a.smallest;
    *a.largest = high[i] > *a.largest ? high[i] : *a.largest;
  }
}

template <class V>
ANYWHERE void count_below(const BoundArgs& a) {
  const auto bound = V::set_u32(a.bound);
  uint32_t count = 0;
  walk_u32<V>(a.n, [&](size_t, int live, auto load) {
    const auto alive = static_cast<uint32_t>((uint64_t{1} << live) - 1);
    count += count_ones(V::bits(V::less_u32(load(a.keys), bound)) & alive);
  });
  *a.count = count;
}

template <class V>
ANYWHERE void place_keys(const PlaceArgs& a) {
  const auto low = V::set_u32(a.low), top = V::set_u32(a.top);
  const auto zero = V::set_u32(0), largest = V::set_u32(a.top << a.shift);
  size_t mixed = 0;
  walk_u32<V>(a.n, [&](size_t at, int live, auto load) {
    const auto keys = load(a.keys);
    auto bin = V::shift_right_u32(keys, a.shift);
    bin = V::select_u32(V::less_u32(bin, top), bin, top);
    bin = V::sub_u32(V::select_u32(V::less_u32(bin, low), low, bin), low);
    const auto unsaid = V::shift_left_u32(keys, 32 - a.shift);
    const auto other = V::either(V::less_u32(zero, unsaid), V::less_u32(largest, keys));
    const auto others = V::bits(other) & static_cast<uint32_t>((uint64_t{1} << live) - 1);
    V::store_chosen_u32(a.mixed + mixed, others, bin);
    mixed += count_ones(others);
    uint32_t lanes[V::lanes];
    V::store_u32(lanes, bin);
    std::memcpy(a.bins + at, lanes, static_cast<size_t>(live) * sizeof(uint32_t));
  });
  *a.mixed_count = mixed;
  for (size_t i = 0; i < a.n; ++i) a.places[i] = a.counts[a.bins[i]]++;
}

template <class V>
ANYWHERE void decide_bins(const RankBinArgs& a) {
  size_t undecided = 0;
  uint64_t word = 0;
  walk_u32<V>(a.n, [&](size_t at, int live, auto load) {
    const auto ends = V::gather_u32(a.ends, load(a.bins));
    const auto high_half = V::shift_right_u32(load(a.words), 16);
    const auto lower = V::sub_u32(ends, V::shift_left_u32(V::shift_right_u32(ends, 16), 16));
    const auto below = V::less_u32(high_half, lower);
    const auto above = V::less_u32(V::shift_right_u32(ends, 16), high_half);
    const auto alive = static_cast<uint32_t>((uint64_t{1} << live) - 1);
    const uint32_t stays = V::bits(below) & alive;
    word |= static_cast<uint64_t>(stays) << (at % 64);
    if (at % 64 == 64 - V::lanes || at + static_cast<size_t>(live) == a.n) {
      a.mask[at / 64] = word;
      word = 0;
    }
    uint32_t open = alive & ~(stays | V::bits(above));
    for (; open != 0; open &= open - 1) {
      a.undecided[undecided++] = static_cast<uint32_t>(at) + lowest_one(open);
    }
  });
  *a.undecided_count = undecided;
}

}  // namespace
