// XXH64 (Collet), the digest of output blocks. A tensor's digest is the XXH64 of its blocks'
// digests in order, each as eight little-endian bytes; a block is 65,536 elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../targets/table.h"

namespace weightloom {

uint64_t xxh64(const void* bytes, size_t length, uint64_t seed);
// Of up to kMostMessages messages of equal length at once.
constexpr size_t kMostMessages = 4;
void xxh64(const KernelTable& kernels, const uint8_t* const* messages, size_t count, size_t length,
           uint64_t seed, uint64_t* digests);
uint64_t digest_of_blocks(const std::vector<uint64_t>& blocks);

}  // namespace weightloom
