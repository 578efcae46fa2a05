// Floats as unsigned integers in the same order; NaN is the largest.
#pragma once

#include <cstdint>
#include <cstring>

#include "../simd/anywhere.h"

namespace {

ANYWHERE inline uint32_t ordered_key(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return 0xFFFFFFFFu;
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

}  // namespace
