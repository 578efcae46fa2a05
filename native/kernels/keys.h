// Selection over keys that lie in memory, for those that are made by another kernel.
//
// collect_keys: counts the keys above a range and those inside it, and keeps these in order.
// keep_keys:    bit i is set iff key > threshold, or key == threshold and i < cut.
// Memory: one read of the keys.
#pragma once

#include "rank.h"

namespace {

using weightloom::CollectKeysArgs;
using weightloom::KeyMaskArgs;

template <class V>
void collect_keys(const CollectKeysArgs& a) {
  const auto low = V::set_u32(a.low);
  const auto high = V::set_u32(a.high);
  uint64_t above = 0;
  uint64_t inside = *a.inside;
  walk_u32<V>(a.n, [&](size_t, int count, auto load) {
    const auto keys = load(a.keys);
    const uint32_t live = static_cast<uint32_t>((uint64_t{1} << count) - 1);
    const uint32_t over = V::bits(V::less_u32(high, keys)) & live;
    const uint32_t under = V::bits(V::less_u32(keys, low));
    const uint32_t in = live & ~(over | under);
    above += count_ones(over);
    if (a.kept != nullptr) V::store_chosen_u32(a.kept + inside, in, keys);
    inside += count_ones(in);
  });
  *a.above += above;
  *a.inside = inside;
}

template <class V>
void keep_keys(const KeyMaskArgs& a) {
  const auto threshold = V::set_u32(a.threshold);
  const auto cut = V::set_u32(a.cut);
  uint64_t word = 0;
  walk_u32<V>(a.n, [&](size_t at, int count, auto load) {
    const auto keys = load(a.keys);
    const auto early = V::less_u32(V::iota(static_cast<uint32_t>(at)), cut);
    const auto tied = V::both(V::equal_u32(keys, threshold), early);
    const uint64_t live = (uint64_t{1} << count) - 1;
    const uint64_t kept = V::bits(V::either(V::less_u32(threshold, keys), tied)) & live;
    word |= kept << (at % 64);
    if (at % 64 == 64 - V::lanes || at + static_cast<size_t>(count) == a.n) {
      a.mask[at / 64] = word;
      word = 0;
    }
  });
}

}  // namespace
