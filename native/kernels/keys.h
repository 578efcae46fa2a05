// Keys of a selection: unsigned integers in the order of what is selected by.
//
// collect_keys: counts the keys above a range and those inside it, and keeps these in order.
// tally_keys:   counts the keys that equal each of a few; the others are moved to the beginning, in
//               order.
// keep_keys:    bit i is set iff key > threshold, or key == threshold and i < cut.
// Both for keys that lie in memory; delta.h has the same for magnitudes that are made on the way.
// Memory: one read of the keys.
#pragma once

#include "rank.h"

namespace {

using weightloom::CollectKeysArgs;
using weightloom::KeyMaskArgs;
using weightloom::TallyArgs;

// Adds a group of lanes to a collection. Without branches on the keys: how many of 16 lie inside
// cannot be foretold.
template <class V, bool keeps>
ANYWHERE inline void collect_lanes(typename V::U keys, int count, typename V::U low,
                                   typename V::U high, uint32_t* kept, uint64_t& above,
                                   uint64_t& inside) {
  const uint32_t live = static_cast<uint32_t>((uint64_t{1} << count) - 1);
  const uint32_t over = V::bits(V::less_u32(high, keys)) & live;
  const uint32_t in = live & ~(over | V::bits(V::less_u32(keys, low)));
  above += count_ones(over);
  if (keeps) V::store_chosen_u32(kept + inside, in, keys);
  inside += count_ones(in);
}

// What stays of a group of lanes whose first element is `at`. Padding has key 0 and comes after the
// cut, and so does not stay.
template <class V>
ANYWHERE inline uint64_t kept_bits(typename V::U keys, size_t at, typename V::U threshold,
                                   typename V::U cut) {
  const auto early = V::less_u32(V::iota(static_cast<uint32_t>(at)), cut);
  const auto tied = V::both(V::equal_u32(keys, threshold), early);
  return V::bits(V::either(V::less_u32(threshold, keys), tied));
}

// Adds these bits to a mask that is written word by word.
template <class V>
ANYWHERE inline void add_bits(uint64_t bits, size_t at, int count, size_t n, uint64_t* mask,
                              uint64_t& word) {
  word |= bits << (at % 64);
  if (at % 64 != 64 - V::lanes && at + static_cast<size_t>(count) != n) return;
  mask[at / 64] = word;
  word = 0;
}

template <class V, bool keeps>
ANYWHERE void collect_keys_of(const CollectKeysArgs& a) {
  const auto low = V::set_u32(a.low), high = V::set_u32(a.high);
  uint64_t above = 0, inside = *a.inside;
  walk_u32<V>(a.n, [&](size_t, int count, auto load) {
    collect_lanes<V, keeps>(load(a.keys), count, low, high, a.kept, above, inside);
  });
  *a.above += above;
  *a.inside = inside;
}

template <class V>
ANYWHERE void collect_keys(const CollectKeysArgs& a) {
  return a.kept == nullptr ? collect_keys_of<V, false>(a) : collect_keys_of<V, true>(a);
}

template <class V>
ANYWHERE void tally_keys(const TallyArgs& a) {
  size_t left = 0;
  walk_u32<V>(a.n, [&](size_t, int count, auto load) {
    const auto keys = load(a.keys);
    auto others = static_cast<uint32_t>((uint64_t{1} << count) - 1);
    for (size_t f = 0; f < a.frequent_count; ++f) {
      const uint32_t equal = V::bits(V::equal_u32(keys, V::set_u32(a.frequent[f]))) & others;
      a.tallies[f] += count_ones(equal);
      others &= ~equal;
    }
    V::store_chosen_u32(a.keys + left, others, keys);
    left += count_ones(others);
  });
  *a.left = left;
}

template <class V>
ANYWHERE void keep_keys(const KeyMaskArgs& a) {
  const auto threshold = V::set_u32(a.threshold), cut = V::set_u32(a.cut);
  uint64_t word = 0;
  walk_u32<V>(a.n, [&](size_t at, int count, auto load) {
    add_bits<V>(kept_bits<V>(load(a.keys), at, threshold, cut), at, count, a.n, a.mask, word);
  });
}

}  // namespace
