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

void stripes_of_one(const uint8_t* p, size_t count, uint64_t (&lanes)[4]) {
  auto [a, b, c, d] = lanes;
  for (const uint8_t* const end = p + 32 * count; p < end; p += 32) {
    a = mix(a, word64(p));
    b = mix(b, word64(p + 8));
    c = mix(c, word64(p + 16));
    d = mix(d, word64(p + 24));
  }
  lanes[0] = a;
  lanes[1] = b;
  lanes[2] = c;
  lanes[3] = d;
}

}  // namespace

uint64_t xxh64(const void* bytes, size_t length, uint64_t seed) {
  uint64_t digest;
  const auto* const message = static_cast<const uint8_t*>(bytes);
  xxh64(scalar_table, &message, 1, length, seed, &digest);
  return digest;
}

void xxh64(const KernelTable& kernels, const uint8_t* const* messages, size_t count, size_t length,
           uint64_t seed, uint64_t* digests) {
  constexpr size_t most = 4;
  for (; count > most; count -= most, messages += most, digests += most) {
    xxh64(kernels, messages, most, length, seed, digests);
  }
  uint64_t lanes[most][4];
  for (auto& of : lanes) {
    of[0] = seed + kPrime1 + kPrime2;
    of[1] = seed + kPrime2;
    of[2] = seed;
    of[3] = seed - kPrime1;
  }
  const size_t stripes = length / 32;
  size_t taken = 0;
  kernels.stripes({messages, count, stripes, lanes[0], &taken});
  for (size_t i = taken; i < count; ++i) stripes_of_one(messages[i], stripes, lanes[i]);
  for (size_t i = 0; i < count; ++i) {
    const auto& [a, b, c, d] = lanes[i];
    uint64_t hash = seed + kPrime5;
    if (length >= 32) {
      hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
      hash = merge(merge(merge(merge(hash, a), b), c), d);
    }
    digests[i] = finish(hash + length, messages[i] + 32 * stripes, messages[i] + length);
  }
}

uint64_t digest_of_blocks(const std::vector<uint64_t>& blocks) {
  return xxh64(blocks.data(), blocks.size() * sizeof(uint64_t), 0);
}

}  // namespace weightloom
