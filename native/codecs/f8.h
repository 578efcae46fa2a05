// The two float8 forms of the safetensors format, value by value.
//   E4M3: bias 7, no infinity, one NaN pattern (S.1111.111), largest 448; encoding saturates.
//   E5M2: binary16 without its low byte; encoding overflows to infinity.
#pragma once

#include <cstdint>
#include <cstring>

#include "half.h"

namespace {

ANYWHERE static inline float e5m2_to_f32(uint8_t b) {
  return f16_to_f32(static_cast<uint16_t>(static_cast<uint16_t>(b) << 8));
}

ANYWHERE static inline float e4m3_to_f32(uint8_t b) {
  const uint32_t sign = static_cast<uint32_t>(b & 0x80u) << 24;
  const uint32_t exponent = (b >> 3) & 0xFu;
  const uint32_t mantissa = b & 7u;
  uint32_t bits;
  if ((b & 0x7Fu) == 0x7Fu) {
    bits = sign | 0x7FC00000u;
  } else if (exponent != 0) {
    bits = sign | ((exponent + 120) << 23) | (mantissa << 20);
  } else {
    const float small = static_cast<float>(mantissa) * 0.001953125f;
    std::memcpy(&bits, &small, 4);
    bits |= sign;
  }
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}

// Rounds a finite magnitude to `keep` mantissa bits with the smallest exponent `least` (unbiased);
// returns the value's bits in a format whose exponent bias is 1 - least.
ANYWHERE static inline uint32_t round_magnitude(uint32_t magnitude, int keep, int least) {
  const int exponent = static_cast<int>(magnitude >> 23) - 127;
  const uint32_t significand = (magnitude & 0x7FFFFFu) | 0x800000u;
  const int below = exponent < least ? least - exponent : 0;
  const int shift = 23 - keep + below;
  if (shift > 24) return 0;
  const uint32_t odd = (significand >> shift) & 1u;
  const uint32_t rounded = (significand + (1u << (shift - 1)) - 1 + odd) >> shift;
  if (below > 0) return rounded;
  return (static_cast<uint32_t>(exponent - least) << keep) + rounded;
}

ANYWHERE static inline uint8_t f32_to_e5m2(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  const uint32_t sign = (bits >> 24) & 0x80u;
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) {
    return static_cast<uint8_t>(sign | 0x7Eu | ((magnitude >> 21) & 1u));
  }
  if (magnitude >= 0x47700000u) return static_cast<uint8_t>(sign | 0x7Cu);
  return static_cast<uint8_t>(sign | round_magnitude(magnitude, 2, -14));
}

ANYWHERE static inline uint8_t f32_to_e4m3(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  const uint32_t sign = (bits >> 24) & 0x80u;
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<uint8_t>(sign | 0x7Fu);
  if (magnitude >= 0x43E00000u) return static_cast<uint8_t>(sign | 0x7Eu);
  return static_cast<uint8_t>(sign | round_magnitude(magnitude, 3, -6));
}

}  // namespace
