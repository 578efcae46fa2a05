// keep_random: bit i is set iff the Philox4x32-10 word of element first + i is below the threshold.
//
// Philox (Salmon et al. 2011). Counter: (element / 4, low and high word; model; purpose); the word
// element % 4 of the output belongs to the element. Threshold: round(p * 2^32), at most 2^32 - 1
// here (a probability of 1 needs no mask). So a mask is a function of key, model and element alone.
// random_words: those words themselves, for probabilities that differ from element to element.
// `first` is a multiple of 64. Arithmetic only; no memory but the output.
#pragma once

#include "../simd/contract.h"
#include "args.h"

namespace {

using weightloom::RandomMaskArgs;
using weightloom::RandomWordArgs;

template <class V>
struct PhiloxBlock {
  typename V::U words[4];
};

// In 64-bit lanes, of which the multiplications read the low halves only: what the high halves hold
// besides is never looked at, so that a product is a low half as it stands.
template <class V, class Args>
inline PhiloxBlock<V> philox(typename V::U counter, const Args& a, uint32_t high) {
  using W = typename V::W;
  const W multiplier0 = V::set_wide(0xD2511F53u);
  const W multiplier1 = V::set_wide(0xCD9E8D57u);
  W c[4] = {V::widen(counter), V::set_wide(high), V::set_wide(a.model), V::set_wide(a.purpose)};
#pragma GCC unroll 10
  for (uint32_t round = 0; round < 10; ++round) {
    const W product0 = V::mul_wide(multiplier0, c[0]);
    const W product1 = V::mul_wide(multiplier1, c[2]);
    c[0] = V::xor_wide(V::high_wide(product1), c[1], a.key[0] + round * 0x9E3779B9u);
    c[1] = product1;
    c[2] = V::xor_wide(V::high_wide(product0), c[3], a.key[1] + round * 0xBB67AE85u);
    c[3] = product0;
  }
  return {{V::narrow(c[0]), V::narrow(c[1]), V::narrow(c[2]), V::narrow(c[3])}};
}

// Bit i of the low 16 to bit 4 * i.
static inline uint64_t spread(uint32_t bits) {
  uint64_t x = bits & 0xFFFFu;
  x = (x | (x << 24)) & 0x000000FF000000FFull;
  x = (x | (x << 12)) & 0x000F000F000F000Full;
  x = (x | (x << 6)) & 0x0303030303030303ull;
  return (x | (x << 3)) & 0x1111111111111111ull;
}

template <class V>
void keep_random(const RandomMaskArgs& a) {
  const auto threshold = V::set_u32(static_cast<uint32_t>(a.threshold));
  for (size_t i = 0; i < a.n; i += 64) {
    const uint64_t counter = (a.first + i) / 4;
    uint32_t below[4] = {0, 0, 0, 0};
    for (int part = 0; part < 16; part += V::lanes) {
      const auto lanes = V::iota(static_cast<uint32_t>(counter) + static_cast<uint32_t>(part));
      const auto block = philox<V>(lanes, a, static_cast<uint32_t>(counter >> 32));
      for (int j = 0; j < 4; ++j) {
        below[j] |= V::bits(V::less_u32(block.words[j], threshold)) << part;
      }
    }
    a.mask[i / 64] = spread(below[0]) | (spread(below[1]) << 1) | (spread(below[2]) << 2) |
                     (spread(below[3]) << 3);
  }
}

template <class V>
void random_words(const RandomWordArgs& a) {
  constexpr size_t step = 4 * V::lanes;
  for (size_t i = 0; i < a.n; i += step) {
    const uint64_t counter = (a.first + i) / 4;
    const auto lanes = V::iota(static_cast<uint32_t>(counter));
    const auto block = philox<V>(lanes, a, static_cast<uint32_t>(counter >> 32));
    if (i + step <= a.n) {
      V::store_woven(a.words + i, block.words);
      continue;
    }
    uint32_t woven[step];
    V::store_woven(woven, block.words);
    __builtin_memcpy(a.words + i, woven, (a.n - i) * sizeof(uint32_t));
  }
}

}  // namespace
