// stripes: the inner loop of XXH64 over several messages of equal length.
//
// A stripe is 32 bytes, four little-endian words; word i goes into lane i of its message:
// lane = rotl(lane + word * P2, 31) * P1, in 64-bit integers that wrap. Every lane is a chain of
// multiplications, and one message has four of them; where vectors multiply 64-bit lanes, lanes / 4
// messages go on side by side. What does not fill a vector, and everything where vectors do not
// multiply so, is left to engine/hash.h, which begins and ends the messages.
// Memory: one read of the messages.
#pragma once

#include "../simd/contract.h"
#include "args.h"

namespace {

using weightloom::StripeArgs;

template <class V>
void stripes(const StripeArgs& a) {
  *a.taken = 0;
  if constexpr (WideMultiplier<V>) {
    constexpr size_t together = V::lanes / 4;
    for (size_t message = 0; message + together <= a.messages; message += together) {
      auto lanes = V::load_u64(a.lanes + 4 * message);
      for (size_t i = 0; i < a.count; ++i) {
        const auto words = V::load_stripes(a.from + message, 32 * i);
        const auto sum = V::add_u64(lanes, V::mul_u64(words, weightloom::kXxhPrime2));
        lanes = V::mul_u64(V::template rotate_u64<31>(sum), weightloom::kXxhPrime1);
      }
      V::store_u64(a.lanes + 4 * message, lanes);
      *a.taken += together;
    }
  }
}

}  // namespace
