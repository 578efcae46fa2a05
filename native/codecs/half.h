// IEEE binary16 <-> binary32 in integer arithmetic, for targets without conversion instructions.
// To nearest even; NaN keeps its sign and top payload bits and becomes quiet, as F16C does.
#pragma once

#include <cstdint>
#include <cstring>

#include "../simd/anywhere.h"

namespace {

// Without branches on the value, which threads of a GPU would take together: each case is cheap.
ANYWHERE static inline float f16_to_f32(uint16_t h) {
  const uint32_t magnitude = h & 0x7FFFu;
  const float tiny = static_cast<float>(magnitude) * 0x1p-24f;  // exact, for a subnormal one
  uint32_t subnormal;
  std::memcpy(&subnormal, &tiny, 4);
  const uint32_t wide = magnitude << 13;
  const uint32_t special = wide | 0x7F800000u | (magnitude > 0x7C00u ? 0x00400000u : 0u);
  uint32_t bits = magnitude < 0x400u ? subnormal : wide + (112u << 23);
  bits = magnitude >= 0x7C00u ? special : bits;
  bits |= static_cast<uint32_t>(h & 0x8000u) << 16;
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}

// A subnormal one is rounded by adding 1/2, whose last bit is the smallest subnormal's.
ANYWHERE static inline uint16_t f32_to_f16(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  const uint32_t quiet = 0x7E00u | ((magnitude >> 13) & 0x1FFu);
  const uint32_t rounded = magnitude + 0xFFFu + ((magnitude >> 13) & 1u);
  float aligned;
  std::memcpy(&aligned, &magnitude, 4);
  aligned = aligned + 0.5f;
  uint32_t subnormal;
  std::memcpy(&subnormal, &aligned, 4);
  uint32_t half = (rounded - 0x38000000u) >> 13;
  half = magnitude < 0x38800000u ? subnormal - 0x3F000000u : half;
  half = magnitude >= 0x477FF000u ? 0x7C00u : half;
  half = magnitude > 0x7F800000u ? quiet : half;
  return static_cast<uint16_t>(((bits >> 16) & 0x8000u) | half);
}

ANYWHERE static inline float bf16_to_f32(uint16_t h) {
  const uint32_t bits = static_cast<uint32_t>(h) << 16;
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}

ANYWHERE static inline uint16_t f32_to_bf16(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace
