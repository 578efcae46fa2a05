#include "hash.h"

#include <cstring>

namespace weightloom {
namespace {

constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87ull;
constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4Full;
constexpr uint64_t kPrime3 = 0x165667B19E3779F9ull;
constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63ull;
constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5ull;

inline uint64_t rotate(uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }

inline uint64_t word64(const uint8_t* p) {
  uint64_t x;
  std::memcpy(&x, p, 8);
  return x;
}

inline uint64_t word32(const uint8_t* p) {
  uint32_t x;
  std::memcpy(&x, p, 4);
  return x;
}

inline uint64_t mix(uint64_t lane, uint64_t word) {
  return rotate(lane + word * kPrime2, 31) * kPrime1;
}

inline uint64_t merge(uint64_t hash, uint64_t lane) {
  return (hash ^ mix(0, lane)) * kPrime1 + kPrime4;
}

uint64_t finish(uint64_t hash, const uint8_t* p, const uint8_t* end) {
  for (; end - p >= 8; p += 8) {
    hash = rotate(hash ^ mix(0, word64(p)), 27) * kPrime1 + kPrime4;
  }
  if (end - p >= 4) {
    hash = rotate(hash ^ (word32(p) * kPrime1), 23) * kPrime2 + kPrime3;
    p += 4;
  }
  for (; p < end; ++p) hash = rotate(hash ^ (*p * kPrime5), 11) * kPrime1;
  hash = (hash ^ (hash >> 33)) * kPrime2;
  hash = (hash ^ (hash >> 29)) * kPrime3;
  return hash ^ (hash >> 32);
}

}  // namespace

uint64_t xxh64(const void* bytes, size_t length, uint64_t seed) {
  const auto* p = static_cast<const uint8_t*>(bytes);
  const uint8_t* const end = p + length;
  uint64_t hash = seed + kPrime5;
  if (length >= 32) {
    uint64_t a = seed + kPrime1 + kPrime2, b = seed + kPrime2, c = seed, d = seed - kPrime1;
    for (; end - p >= 32; p += 32) {
      a = mix(a, word64(p));
      b = mix(b, word64(p + 8));
      c = mix(c, word64(p + 16));
      d = mix(d, word64(p + 24));
    }
    hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
    hash = merge(merge(merge(merge(hash, a), b), c), d);
  }
  return finish(hash + length, p, end);
}

uint64_t digest_of_blocks(const std::vector<uint64_t>& blocks) {
  return xxh64(blocks.data(), blocks.size() * sizeof(uint64_t), 0);
}

}  // namespace weightloom
