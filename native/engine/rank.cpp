#include "rank.h"

namespace weightloom {
namespace {

constexpr int kShift[3] = {0, 11, 22};
constexpr size_t kBins = 2048;

void pass(const uint32_t* keys, int shift, const std::vector<uint32_t>& from,
          std::vector<uint32_t>& to) {
  uint32_t starts[kBins + 1] = {};
  for (const uint32_t i : from) ++starts[((keys[i] >> shift) & (kBins - 1)) + 1];
  for (size_t bin = 1; bin <= kBins; ++bin) starts[bin] += starts[bin - 1];
  for (const uint32_t i : from) to[starts[(keys[i] >> shift) & (kBins - 1)]++] = i;
}

}  // namespace

void sort_row(const uint32_t* keys, size_t n, std::vector<uint32_t>& order,
              std::vector<uint32_t>& spare) {
  order.resize(n);
  spare.resize(n);
  for (size_t i = 0; i < n; ++i) order[i] = static_cast<uint32_t>(i);
  for (const int shift : kShift) {
    pass(keys, shift, order, spare);
    order.swap(spare);
  }
}

}  // namespace weightloom
