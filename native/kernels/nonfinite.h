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

ANYWHERE static inline bool nan_bits(uint32_t bits) { return (bits & 0x7FFFFFFFu) > 0x7F800000u; }

// What one input says of a result that is not finite: whether that settles it.
ANYWHERE static inline bool settled_by(uint32_t in, uint32_t& result, Nonfinite& seen) {
  if (nan_bits(result)) {
    if (!nan_bits(in)) return false;
    ++seen.nan_from_input;
    result = in | 0x00400000u;
    return true;
  }
  if ((in & 0x7FFFFFFFu) != 0x7F800000u) return false;
  ++seen.overflow_from_input;
  return true;
}

ANYWHERE static inline void settle_born(uint32_t& result, Nonfinite& seen) {
  ++(nan_bits(result) ? seen.nan_born : seen.overflow_born);
  if (nan_bits(result)) result = 0x7FC00000u;
}

// `first` comes before `rest` in the order of inputs; it may be null.
template <class V, class At>
ANYWHERE [[gnu::noinline]] typename V::F settle(At at, typename V::F y, float limit,
                                                const void* first, const void* const* rest,
                                                uint32_t rest_count, Nonfinite& seen) {
  alignas(16) uint32_t results[V::lanes];
  alignas(16) uint32_t inputs[V::lanes];
  uint32_t limit_bits;
  bool open[V::lanes];
  V::store(results, y);
  std::memcpy(&limit_bits, &limit, 4);
  for (int i = 0; i < V::lanes; ++i) {
    open[i] = i < at.live && (results[i] & 0x7FFFFFFFu) >= limit_bits;
  }
  const auto ask = [&](const void* input) {
    V::store(inputs, at.load(input));
    for (int i = 0; i < V::lanes; ++i) {
      if (open[i] && settled_by(inputs[i], results[i], seen)) open[i] = false;
    }
  };
  if (first != nullptr) ask(first);
  for (uint32_t m = 0; m < rest_count; ++m) ask(rest[m]);
  for (int i = 0; i < V::lanes; ++i) {
    if (open[i]) settle_born(results[i], seen);
  }
  return V::load(results);
}

// Stores y in a.out, settled where it is not below a.limit. Kernels that mostly wait for memory
// have a.past_cache: the output is large, lies at a multiple of kPastCacheBytes, and goes past the
// cache.
template <class V, class At, class Args>
ANYWHERE INLINED inline void put(At at, const Args& a, typename V::F y, const void* first,
                                 const void* const* rest, uint32_t rest_count) {
  if (!V::every(V::less(V::abs(y), V::set(a.limit)))) {
    return at.store(a.out, settle<V>(at, y, a.limit, first, rest, rest_count, *a.nonfinite));
  }
  if constexpr (requires { a.past_cache; }) {
    if (a.past_cache) return at.store_number_past_cache(a.out, y);
  }
  at.store_number(a.out, y);
}

}  // namespace
