// XXH64 as its specification reads, byte by byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weightloom_test {

constexpr uint64_t kPrimes[5] = {11400714785074694791ull, 14029467366897019727ull,
                                 1609587929392839161ull, 9650029242287828579ull,
                                 2870177450012600261ull};

inline uint64_t rotated(uint64_t x, int by) { return x << by | x >> (64 - by); }

inline uint64_t little_endian(const uint8_t* p, size_t bytes) {
  uint64_t x = 0;
  for (size_t i = bytes; i-- > 0;) x = x * 256 + p[i];
  return x;
}

inline uint64_t round(uint64_t lane, uint64_t word) {
  return rotated(lane + word * kPrimes[1], 31) * kPrimes[0];
}

inline uint64_t converge(const uint64_t (&lanes)[4]) {
  uint64_t hash =
      rotated(lanes[0], 1) + rotated(lanes[1], 7) + rotated(lanes[2], 12) + rotated(lanes[3], 18);
  for (const uint64_t lane : lanes) hash = (hash ^ round(0, lane)) * kPrimes[0] + kPrimes[3];
  return hash;
}

inline uint64_t plain_xxh64(const std::vector<uint8_t>& bytes, uint64_t seed) {
  size_t at = 0;
  uint64_t lanes[4] = {seed + kPrimes[0] + kPrimes[1], seed + kPrimes[1], seed, seed - kPrimes[0]};
  for (; bytes.size() - at >= 32; at += 32) {
    for (size_t i = 0; i < 4; ++i) {
      lanes[i] = round(lanes[i], little_endian(&bytes[at + 8 * i], 8));
    }
  }
  uint64_t hash = bytes.size() >= 32 ? converge(lanes) : seed + kPrimes[4];
  hash += bytes.size();
  for (; bytes.size() - at >= 8; at += 8) {
    hash ^= round(0, little_endian(&bytes[at], 8));
    hash = rotated(hash, 27) * kPrimes[0] + kPrimes[3];
  }
  if (bytes.size() - at >= 4) {
    hash ^= little_endian(&bytes[at], 4) * kPrimes[0];
    hash = rotated(hash, 23) * kPrimes[1] + kPrimes[2];
    at += 4;
  }
  for (; at < bytes.size(); ++at) hash = rotated(hash ^ bytes[at] * kPrimes[4], 11) * kPrimes[0];
  hash = (hash ^ hash >> 33) * kPrimes[1];
  hash = (hash ^ hash >> 29) * kPrimes[2];
  return hash ^ hash >> 32;
}

}  // namespace weightloom_test
