// Ranks as a stable sort gives them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace weightloom_test {

inline std::vector<uint32_t> ranks_of(const std::vector<uint32_t>& keys) {
  std::vector<uint32_t> order(keys.size()), ranks(keys.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return keys[a] < keys[b]; });
  for (uint32_t rank = 0; rank < order.size(); ++rank) ranks[order[rank]] = rank;
  return ranks;
}

}  // namespace weightloom_test
