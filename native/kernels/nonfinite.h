// Results that are NaN or beyond the output dtype's largest value. Rare, so the test is one compare
// a vector and everything else happens lane by lane.
//
// A NaN result takes the sign and payload of the first input (in the given order) that is NaN in
// this lane, made quiet; without one it was born in the merge and becomes 0x7FC00000. Hardware and
// JavaScript disagree about which NaN an operation yields; this rule needs none of them.
#pragma once

#include <cstring>

#include "args.h"
#include "walk.h"

namespace {

using weightloom::Nonfinite;

static inline bool nan_bits(uint32_t bits) { return (bits & 0x7FFFFFFFu) > 0x7F800000u; }

static inline uint32_t settle_lane(uint32_t result, const uint32_t* inputs, size_t stride,
                                   uint32_t count, Nonfinite& seen) {
  const bool is_nan = nan_bits(result);
  for (uint32_t m = 0; m < count; ++m) {
    const uint32_t in = inputs[m * stride];
    if (is_nan && nan_bits(in)) {
      ++seen.nan_from_input;
      return in | 0x00400000u;
    }
    if (!is_nan && (in & 0x7FFFFFFFu) == 0x7F800000u) {
      ++seen.overflow_from_input;
      return result;
    }
  }
  if (!is_nan) {
    ++seen.overflow_born;
    return result;
  }
  ++seen.nan_born;
  return 0x7FC00000u;
}

// `first` comes before `rest` in the order of inputs; it may be null.
template <class V, class At>
[[gnu::noinline]] typename V::F settle(At at, typename V::F y, float limit, const void* first,
                                       const void* const* rest, uint32_t rest_count,
                                       Nonfinite& seen) {
  uint32_t results[V::lanes];
  uint32_t inputs[(weightloom::kMaxTaskInputs + 1) * V::lanes];
  V::store(results, y);
  uint32_t limit_bits;
  std::memcpy(&limit_bits, &limit, 4);
  uint32_t count = 0;
  if (first != nullptr) V::store(inputs + V::lanes * count++, at.load(first));
  for (uint32_t m = 0; m < rest_count && count <= weightloom::kMaxTaskInputs; ++m) {
    V::store(inputs + V::lanes * count++, at.load(rest[m]));
  }
  for (int i = 0; i < at.live; ++i) {
    if ((results[i] & 0x7FFFFFFFu) < limit_bits) continue;
    results[i] = settle_lane(results[i], inputs + i, V::lanes, count, seen);
  }
  return V::load(results);
}

// Stores y, settled where it is not below the limit.
template <class V, class At>
inline void put(At at, void* out, typename V::F y, float limit, const void* first,
                const void* const* rest, uint32_t rest_count, Nonfinite& seen) {
  if (V::every(V::less(V::abs(y), V::set(limit)))) return at.store_number(out, y);
  at.store(out, settle<V>(at, y, limit, first, rest, rest_count, seen));
}

}  // namespace
