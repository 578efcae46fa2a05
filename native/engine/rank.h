// Ranks of a row: the order of its keys, smallest first, equal keys by index. A stable radix sort of
// 11 + 11 + 10 bits, because every element's rank is wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weightloom {

// Fills `order` with the indices 0 .. n - 1 in ascending order of their keys.
void sort_row(const uint32_t* keys, size_t n, std::vector<uint32_t>& order,
              std::vector<uint32_t>& spare);

}  // namespace weightloom
