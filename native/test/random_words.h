// A small generator (splitmix64), so that a failing test fails the same way everywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace weightloom_test {

class RandomWords {
 public:
  explicit RandomWords(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t x = state_ += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
  }
  uint32_t word() { return static_cast<uint32_t>(next() >> 32); }
  uint64_t below(uint64_t limit) { return next() % limit; }
  // Uniform in [-1, 1).
  float number() { return static_cast<float>(static_cast<int32_t>(word())) * 0x1p-31f; }

 private:
  uint64_t state_;
};

inline float float_of(uint32_t bits) {
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}

inline uint32_t bits_of(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  return bits;
}

// Quiet and signalling NaN with payloads, infinities, zeros, denormals, and where f16 and bf16 end.
constexpr uint32_t kSpecialBits[] = {
    0x7FC00000, 0xFFC01234, 0x7F800001, 0xFFA5A5A5, 0x7FFFFFFF, 0x7F800000, 0xFF800000,
    0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007FFFFF, 0x00800000, 0x7F7FFFFF,
    0xFF7FFFFF, 0x3F800000, 0xBF800000, 0x33000000, 0x387FC000, 0x477FE000, 0x477FF000,
    0x7F7F0000, 0x7F7F8000, 0x43E00000, 0x43E80000, 0x47600000, 0x47700000};

// Mostly small numbers, a third of them coarse (so that magnitudes tie), one in 24 special.
inline uint32_t awkward_bits(RandomWords& random) {
  const uint64_t dice = random.below(24);
  if (dice == 0) return kSpecialBits[random.below(sizeof(kSpecialBits) / 4)];
  if (dice < 9) return bits_of(static_cast<float>(static_cast<int>(random.below(17)) - 8) / 64.0f);
  return bits_of(random.number() * 0.1f);
}

}  // namespace weightloom_test
