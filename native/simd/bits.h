// Counting bits. Not from <bit>: what that has is shared between objects, see check-isa-leak.mjs.
#pragma once

#include <cstdint>

#include "anywhere.h"

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

namespace {

#if defined(_MSC_VER) && !defined(__clang__)
// Without the instruction, which the scalar target may not have.
ANYWHERE [[maybe_unused]] inline uint32_t count_ones(uint32_t x) {
  x -= (x >> 1) & 0x55555555;
  x = (x & 0x33333333) + ((x >> 2) & 0x33333333);
  return (((x + (x >> 4)) & 0x0F0F0F0F) * 0x01010101) >> 24;
}

// Of a word that is not 0.
ANYWHERE [[maybe_unused]] inline uint32_t lowest_one(uint32_t x) {
  unsigned long at;
  _BitScanForward(&at, x);
  return at;
}
#else
ANYWHERE [[maybe_unused]] inline uint32_t count_ones(uint32_t x) {
#if defined(__CUDA_ARCH__)
  return static_cast<uint32_t>(__popc(static_cast<int>(x)));
#else
  return static_cast<uint32_t>(__builtin_popcount(x));
#endif
}

// Of a word that is not 0.
ANYWHERE [[maybe_unused]] inline uint32_t lowest_one(uint32_t x) {
#if defined(__CUDA_ARCH__)
  return static_cast<uint32_t>(__ffs(static_cast<int>(x)) - 1);
#else
  return static_cast<uint32_t>(__builtin_ctz(x));
#endif
}
#endif

}  // namespace
