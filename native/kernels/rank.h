// Decisions by rank without sorting; engine/rank.h says how the parts go together.
//
// key_range:   the smallest of the keys above 0 and the largest of those below infinity
//              (0x7F800000), which are infinity and 0 where there are none.
// bin_keys:    min(key >> shift, top) - low, 0 where that is negative: bins of equal width in the
//              logarithm, infinities and NaN in the last one.
// key_rank:    how many keys are smaller than one, or equal to it and before it.
// decide_bins: an element's bin has the high halves of the lowest and the highest threshold of its
//              ranks, packed as low | high << 16. Its word is below all of them when its own high
//              half is below the lower one, and not below any when it is above the higher one. Bit
//              i of the mask is set in the first case; what is neither is listed as undecided.
// Memory: one read of keys, or of bins and words; gathers from a table that fits the first cache.
#pragma once

#include <cstring>

#include "../simd/bits.h"
#include "../simd/contract.h"
#include "args.h"

namespace {

using weightloom::BinArgs;
using weightloom::KeyRangeArgs;
using weightloom::KeyRankArgs;
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
ANYWHERE void key_rank(const KeyRankArgs& a) {
  const auto key = V::set_u32(a.keys[a.element]);
  const auto element = V::set_u32(static_cast<uint32_t>(a.element));
  uint32_t rank = 0;
  walk_u32<V>(a.n, [&](size_t at, int live, auto load) {
    const auto other = load(a.keys);
    const auto before = V::less_u32(V::iota(static_cast<uint32_t>(at)), element);
    const auto tied = V::both(V::equal_u32(other, key), before);
    const auto alive = static_cast<uint32_t>((uint64_t{1} << live) - 1);
    const uint32_t lower = V::bits(V::either(V::less_u32(other, key), tied)) & alive;
    rank += count_ones(lower);
  });
  *a.rank = rank;
}

template <class V>
ANYWHERE void bin_keys(const BinArgs& a) {
  const auto low = V::set_u32(a.low);
  const auto top = V::set_u32(a.top);
  walk_u32<V>(a.n, [&](size_t at, int live, auto load) {
    auto bin = V::shift_right_u32(load(a.keys), a.shift);
    bin = V::select_u32(V::less_u32(bin, top), bin, top);
    bin = V::select_u32(V::less_u32(bin, low), low, bin);
    uint32_t lanes[V::lanes];
    V::store_u32(lanes, V::sub_u32(bin, low));
    std::memcpy(a.bins + at, lanes, static_cast<size_t>(live) * sizeof(uint32_t));
  });
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
