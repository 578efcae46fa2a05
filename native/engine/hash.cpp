#include "hash.h"

#include <cstring>

namespace weightloom {
namespace {

constexpr uint64_t kPrime1 = kXxhPrime1;
constexpr uint64_t kPrime2 = kXxhPrime2;
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

using Lanes = uint64_t[4];

void begin(uint64_t seed, Lanes& lanes) {
  lanes[0] = seed + kPrime1 + kPrime2;
  lanes[1] = seed + kPrime2;
  lanes[2] = seed;
  lanes[3] = seed - kPrime1;
}

void add_stripes(const uint8_t* p, size_t count, Lanes& lanes) {
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

// After all whole stripes.
uint64_t end(const uint8_t* message, size_t length, uint64_t seed, const Lanes& lanes) {
  const auto& [a, b, c, d] = lanes;
  uint64_t hash = seed + kPrime5;
  if (length >= 32) {
    hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
    hash = merge(merge(merge(merge(hash, a), b), c), d);
  }
  return finish(hash + length, message + length / 32 * 32, message + length);
}

}  // namespace

uint64_t xxh64(const void* bytes, size_t length, uint64_t seed) {
  const auto* const message = static_cast<const uint8_t*>(bytes);
  Lanes lanes;
  begin(seed, lanes);
  add_stripes(message, length / 32, lanes);
  return end(message, length, seed, lanes);
}

void xxh64(const KernelTable& kernels, const uint8_t* const* messages, size_t count, size_t length,
           uint64_t seed, uint64_t* digests) {
  Lanes lanes[kMostMessages];
  for (Lanes& each : lanes) begin(seed, each);
  size_t taken = 0;
  kernels.stripes({messages, count, length / 32, lanes[0], &taken});
  for (size_t i = 0; i < count; ++i) {
    if (i >= taken) add_stripes(messages[i], length / 32, lanes[i]);
    digests[i] = end(messages[i], length, seed, lanes[i]);
  }
}

uint64_t digest_of_blocks(const std::vector<uint64_t>& blocks) {
  return xxh64(blocks.data(), blocks.size() * sizeof(uint64_t), 0);
}

}  // namespace weightloom
