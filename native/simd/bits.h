// Counting bits. Not from <bit>: what that has is shared between objects, see check-isa-leak.mjs.
#pragma once

#include <cstdint>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

namespace {

#if defined(_MSC_VER) && !defined(__clang__)
// Without the instruction, which the scalar target may not have.
[[maybe_unused]] inline uint32_t count_ones(uint32_t x) {
  x -= (x >> 1) & 0x55555555;
  x = (x & 0x33333333) + ((x >> 2) & 0x33333333);
  return (((x + (x >> 4)) & 0x0F0F0F0F) * 0x01010101) >> 24;
}

// Of a word that is not 0.
[[maybe_unused]] inline uint32_t lowest_one(uint32_t x) {
  unsigned long at;
  _BitScanForward(&at, x);
  return at;
}
#else
[[maybe_unused]] inline uint32_t count_ones(uint32_t x) {
  return static_cast<uint32_t>(__builtin_popcount(x));
}

// Of a word that is not 0.
[[maybe_unused]] inline uint32_t lowest_one(uint32_t x) {
  return static_cast<uint32_t>(__builtin_ctz(x));
}
#endif

}  // namespace
