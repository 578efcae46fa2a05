// Decisions by rank without sorting; engine/rank.h says how the parts go together.
//
// count_within: how many words w have first <= w < first + width.
// deal_keys:    bin zeros + min(max(key >> shift, low), top) - low, so that bins are of equal width
//               in the logarithm; the first one has what is too small for it, the last one what is
//               too large, NaN too. A key of 0 has bin index >> zero_shift, which is below `zeros`.
//               Counted are the keys of a bin in each part of the row. Listed are the bins of keys
//               that the bin's number does not say in full, once for every such key.
// bin_ends:     first ranks of the bins, and for each bin the high halves of the thresholds at its
//               first rank and at the next bin's, packed as low | high << 16.
// decide_bins:  a word is below all thresholds of its bin when its own high half is below the lower
//               one, and not below any when it is above the higher one. Bit i of the mask is set in
//               the first case; what is neither is listed as undecided.
// Memory: one read of keys, or of bins and words; tables that fit the first cache.
#pragma once

#include <cstring>

#include "../simd/bits.h"
#include "../simd/contract.h"
#include "args.h"

namespace {

using weightloom::BinEndArgs;
using weightloom::DealArgs;
using weightloom::kRowParts;
using weightloom::RankBinArgs;
using weightloom::WithinArgs;

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
ANYWHERE inline void store_lanes(uint32_t* to, int live, typename V::U values) {
  if (live == V::lanes) return V::store_u32(to, values);
  uint32_t lanes[V::lanes];
  V::store_u32(lanes, values);
  std::memcpy(to, lanes, static_cast<size_t>(live) * sizeof(uint32_t));
}

template <class V>
ANYWHERE void count_within(const WithinArgs& a) {
  const auto first = V::set_u32(a.first), width = V::set_u32(a.width);
  const auto zero = V::set_u32(0), one = V::set_u32(1);
  auto counts = zero, others = zero;
  const auto within = [&](const uint32_t* words) {
    return V::select_u32(V::less_u32(V::sub_u32(V::load_u32(words), first), width), one, zero);
  };
  size_t i = 0;
  for (; i + 2 * V::lanes <= a.n; i += 2 * V::lanes) {
    counts = V::add_u32(counts, within(a.from + i));
    others = V::add_u32(others, within(a.from + i + V::lanes));
  }
  uint32_t lanes[V::lanes], count = 0;
  V::store_u32(lanes, V::add_u32(counts, others));
  for (const uint32_t lane : lanes) count += lane;
  for (; i < a.n; ++i) count += a.from[i] - a.first < a.width ? 1 : 0;
  *a.count = count;
}

// One table for each part, so that an increment need not wait for the one before.
ANYWHERE inline void count_parts(const DealArgs& a) {
  const size_t part = a.part, stride = a.zeros + a.top - a.low + 1;
  const size_t whole = a.n > 3 * part ? a.n - 3 * part : 0;
  const uint32_t *first = a.bins, *second = first + part, *third = second + part;
  const uint32_t* fourth = third + part;
  uint32_t *one = a.counts, *two = one + stride, *three = two + stride, *four = three + stride;
  for (size_t i = 0; i < whole; ++i) {
    ++one[first[i]];
    ++two[second[i]];
    ++three[third[i]];
    ++four[fourth[i]];
  }
  for (size_t p = 0; p < kRowParts; ++p) {
    const size_t end = (p + 1) * part < a.n ? (p + 1) * part : a.n;
    for (size_t i = p * part + whole; i < end; ++i) ++a.counts[p * stride + a.bins[i]];
  }
}

template <class V>
ANYWHERE void deal_keys(const DealArgs& a) {
  const auto low = V::set_u32(a.low), top = V::set_u32(a.top);
  const auto before = V::set_u32(a.low - a.zeros), zero = V::set_u32(0);
  const auto most = V::set_u32(a.top << a.shift);
  const int shift = a.shift, zero_shift = a.zero_shift;
  uint32_t *bins = a.bins, *mixed = a.mixed;
  walk_u32<V>(a.n, [&](size_t at, int live, auto load) {
    const auto keys = load(a.keys);
    const auto bin = V::min_u32(V::max_u32(V::shift_right_u32(keys, shift), low), top);
    const auto of_zeros = V::set_u32(static_cast<uint32_t>(at >> zero_shift));
    const auto placed = V::select_u32(V::equal_u32(keys, zero), of_zeros, V::sub_u32(bin, before));
    store_lanes<V>(bins + at, live, placed);
    const auto unsaid = V::less_u32(zero, V::shift_left_u32(keys, 32 - shift));
    const auto other = V::either(unsaid, V::less_u32(most, keys));
    const auto others = V::bits(other) & static_cast<uint32_t>((uint64_t{1} << live) - 1);
    V::store_chosen_u32(mixed, others, placed);
    mixed += count_ones(others);
  });
  *a.mixed_count = static_cast<size_t>(mixed - a.mixed);
  count_parts(a);
}

template <class V>
ANYWHERE void bin_ends(const BinEndArgs& a) {
  walk_u32<V>(a.bins, [&](size_t at, int live, auto load) {
    auto sum = load(a.counts);
    for (size_t p = 1; p < kRowParts; ++p) sum = V::add_u32(sum, load(a.counts + p * a.bins));
    store_lanes<V>(a.starts + at, live, sum);
  });
  uint32_t start = 0, lower = a.thresholds[0] >> 16;
  for (size_t b = 0; b < a.bins; ++b) {
    const uint32_t count = a.starts[b];
    a.starts[b] = start;
    start += count;
    const uint32_t higher = a.thresholds[start] >> 16;
    a.ends[b] = lower | higher << 16;
    lower = higher;
  }
  a.starts[a.bins] = start;
}

// Elements that are looked up before they are looked at: a vector should not load what has just
// been stored word by word.
constexpr size_t kLookedUp = 1024;

// table[at[i]] for n of them, two to a word. On a Zen 5 the processor's own gathers take longer,
// most of all those of eight lanes.
ANYWHERE inline void look_up(const uint32_t* table, const uint32_t* at, size_t n, uint32_t* found) {
  size_t i = 0;
  for (; i + 2 <= n; i += 2) {
    uint64_t both;
    std::memcpy(&both, at + i, sizeof(both));
    const uint64_t high = table[both >> 32];
    const uint64_t pair = table[static_cast<uint32_t>(both)] | high << 32;
    std::memcpy(found + i, &pair, sizeof(pair));
  }
  if (i < n) found[i] = table[at[i]];
}

// n elements from `from` on; `found` has the ends of their bins. Adds to the undecided.
template <class V>
ANYWHERE void decide_piece(const RankBinArgs& a, size_t from, size_t n, const uint32_t* found) {
  size_t undecided = *a.undecided_count;
  uint64_t word = 0;
  walk_u32<V>(n, [&](size_t at, int live, auto load) {
    const auto ends = load(found);
    const auto high_half = V::shift_right_u32(load(a.words + from), 16);
    const auto lower = V::sub_u32(ends, V::shift_left_u32(V::shift_right_u32(ends, 16), 16));
    const auto below = V::less_u32(high_half, lower);
    const auto above = V::less_u32(V::shift_right_u32(ends, 16), high_half);
    const auto alive = static_cast<uint32_t>((uint64_t{1} << live) - 1);
    const uint32_t stays = V::bits(below) & alive;
    word |= static_cast<uint64_t>(stays) << (at % 64);
    if (at % 64 == 64 - V::lanes || at + static_cast<size_t>(live) == n) {
      a.mask[(from + at) / 64] = word;
      word = 0;
    }
    uint32_t open = alive & ~(stays | V::bits(above));
    for (; open != 0; open &= open - 1) {
      a.undecided[undecided++] = static_cast<uint32_t>(from + at) + lowest_one(open);
    }
  });
  *a.undecided_count = undecided;
}

template <class V>
ANYWHERE void decide_bins(const RankBinArgs& a) {
  uint32_t found[kLookedUp];
  *a.undecided_count = 0;
  for (size_t from = 0; from < a.n; from += kLookedUp) {
    const size_t n = a.n - from < kLookedUp ? a.n - from : kLookedUp;
    look_up(a.ends, a.bins + from, n, found);
    decide_piece<V>(a, from, n, found);
  }
}

}  // namespace
