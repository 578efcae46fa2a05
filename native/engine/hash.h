// XXH64 (Collet), the digest of output blocks. A tensor's digest is the XXH64 of its blocks'
// digests in order, each as eight little-endian bytes; a block is 65,536 elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weightloom {

uint64_t xxh64(const void* bytes, size_t length, uint64_t seed);
uint64_t digest_of_blocks(const std::vector<uint64_t>& blocks);

}  // namespace weightloom
