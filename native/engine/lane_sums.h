// The reduction tree (design: numerics, section 1.3): 16 lanes a block, folded pairwise; blocks
// added in order.
#pragma once

#include <vector>

namespace weightloom {

struct LaneSums {
  double lanes[16] = {};
};

inline double fold(LaneSums sums) {
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) sums.lanes[i] = sums.lanes[i] + sums.lanes[i + width];
  }
  return sums.lanes[0];
}

inline double add_blocks(const std::vector<double>& blocks) {
  double sum = 0.0;
  for (const double block : blocks) sum = sum + block;
  return sum;
}

}  // namespace weightloom
