// keep_random: bit i is set iff the Philox4x32-10 word of element first + i is below the threshold.
//
// Philox (Salmon et al. 2011). Counter: (element / 4, low and high word; model; purpose); the word
// element % 4 of the output belongs to the element. Threshold: round(p * 2^32), at most 2^32 - 1
// here (a probability of 1 needs no mask). So a mask is a function of key, model and element alone.
// random_words: those words themselves, for probabilities that differ from element to element.
// `first` is a multiple of 64. Arithmetic only; no memory but the output.
#pragma once

#include <cstring>

#include "../simd/contract.h"
#include "args.h"

namespace {

using weightloom::RandomMaskArgs;
using weightloom::RandomWordArgs;

// How many registers of counters go through the rounds together: each round waits for the one
// before, and so there should be as many as the registers hold.
template <class V>
constexpr size_t kPhiloxGroups = V::lanes == 16  ? 3
                                 : V::lanes == 8 ? 1
                                                 : 2;

template <class V>
struct PhiloxBlock {
  typename V::U words[4];
};

// Group g has the counters from first + g * lanes on. In 64-bit lanes, of which multiplications
// read the low halves only: what the high halves hold besides is never looked at, so that a product
// is a low half as it stands.
template <class V, size_t groups, class Args>
ANYWHERE inline void philox(uint64_t first, const Args& a, PhiloxBlock<V> (&out)[groups]) {
  using W = typename V::W;
  const W multiplier0 = V::set_wide(0xD2511F53u);
  const W multiplier1 = V::set_wide(0xCD9E8D57u);
  W c[groups][4];
  for (size_t g = 0; g < groups; ++g) {
    const uint64_t counter = first + g * V::lanes;
    c[g][0] = V::widen(V::iota(static_cast<uint32_t>(counter)));
    c[g][1] = V::set_wide(static_cast<uint32_t>(counter >> 32));
    c[g][2] = V::set_wide(a.model);
    c[g][3] = V::set_wide(a.purpose);
  }
#pragma GCC unroll 10
  for (uint32_t round = 0; round < 10; ++round) {
    const uint32_t key0 = a.key[0] + round * 0x9E3779B9u, key1 = a.key[1] + round * 0xBB67AE85u;
#pragma GCC unroll 3
    for (size_t g = 0; g < groups; ++g) {
      const W product0 = V::mul_wide(multiplier0, c[g][0]);
      const W product1 = V::mul_wide(multiplier1, c[g][2]);
      c[g][0] = V::xor_wide(V::high_wide(product1), c[g][1], key0);
      c[g][1] = product1;
      c[g][2] = V::xor_wide(V::high_wide(product0), c[g][3], key1);
      c[g][3] = product0;
    }
  }
  for (size_t g = 0; g < groups; ++g) {
    for (size_t j = 0; j < 4; ++j) out[g].words[j] = V::narrow(c[g][j]);
  }
}

// Bit i of the low 16 to bit 4 * i.
template <class V>
ANYWHERE inline uint64_t spread(uint32_t bits) {
  if constexpr (Depositor<V>) {
    return V::deposit(bits, 0x1111111111111111ull);
  }
  uint64_t x = bits & 0xFFFFu;
  x = (x | (x << 24)) & 0x000000FF000000FFull;
  x = (x | (x << 12)) & 0x000F000F000F000Full;
  x = (x | (x << 6)) & 0x0303030303030303ull;
  return (x | (x << 3)) & 0x1111111111111111ull;
}

template <class V>
ANYWHERE void keep_random(const RandomMaskArgs& a) {
  constexpr size_t groups = kPhiloxGroups<V>, each = size_t{4} * V::lanes;
  constexpr size_t step = groups * each < 64 ? 64 : groups * each;
  const auto threshold = V::set_u32(static_cast<uint32_t>(a.threshold));
  for (size_t i = 0; i < a.n; i += step) {
    uint32_t below[step / 64][4] = {};
    for (size_t part = 0; part < step; part += groups * each) {
      PhiloxBlock<V> blocks[groups];
      philox<V, groups>((a.first + i + part) / 4, a, blocks);
      for (size_t g = 0; g < groups; ++g) {
        const size_t at = part + g * each;
        for (size_t j = 0; j < 4; ++j) {
          const uint32_t bits = V::bits(V::less_u32(blocks[g].words[j], threshold));
          below[at / 64][j] |= bits << (at % 64 / 4);
        }
      }
    }
    for (size_t w = 0; w < step / 64 && i + w * 64 < a.n; ++w) {
      const uint32_t(&of)[4] = below[w];
      a.mask[i / 64 + w] = spread<V>(of[0]) | (spread<V>(of[1]) << 1) | (spread<V>(of[2]) << 2) |
                           (spread<V>(of[3]) << 3);
    }
  }
}

template <class V>
ANYWHERE void random_words(const RandomWordArgs& a) {
  constexpr size_t groups = kPhiloxGroups<V>, each = size_t{4} * V::lanes, step = groups * each;
  for (size_t i = 0; i < a.n; i += step) {
    PhiloxBlock<V> blocks[groups];
    philox<V, groups>((a.first + i) / 4, a, blocks);
    if (i + step <= a.n) {
      for (size_t g = 0; g < groups; ++g) V::store_woven(a.words + i + g * each, blocks[g].words);
      continue;
    }
    uint32_t woven[step];
    for (size_t g = 0; g < groups; ++g) V::store_woven(woven + g * each, blocks[g].words);
    std::memcpy(a.words + i, woven, (a.n - i) * sizeof(uint32_t));
  }
}

}  // namespace
