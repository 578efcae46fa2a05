#include "rank.h"

#include <algorithm>

namespace weightloom {
namespace {

constexpr int kShift = 15;
constexpr size_t kBins = size_t{1} << 16;
constexpr size_t kShortRow = 1024;

size_t exact_rank(const uint32_t* keys, size_t n, size_t element) {
  const uint32_t key = keys[element];
  size_t rank = 0;
  for (size_t i = 0; i < element; ++i) rank += keys[i] <= key ? 1 : 0;
  for (size_t i = element + 1; i < n; ++i) rank += keys[i] < key ? 1 : 0;
  return rank;
}

}  // namespace

RowRanker::RowRanker() : starts_(kBins + 1) {}

// Bin 0 (zeros and the smallest) apart, only bins between the least and the most used are touched.
void RowRanker::count_bins(const uint32_t* keys, size_t n) {
  if (most_ > 0) std::fill(starts_.begin() + least_, starts_.begin() + most_ + 2, 0u);
  starts_[0] = starts_[1] = 0;
  uint32_t least = kBins, most = 1;
  for (size_t i = 0; i < n; ++i) {
    const uint32_t bin = keys[i] >> kShift;
    ++starts_[bin + 1];
    if (bin > most) most = bin;
    if (bin > 0 && bin < least) least = bin;
  }
  least_ = std::min(least, most);
  most_ = most;
  uint32_t sum = starts_[1];
  for (uint32_t bin = least_; bin <= most; ++bin) {
    const uint32_t count = bin == 0 ? 0 : starts_[bin + 1];
    if (bin == least_) starts_[bin] = sum;
    sum += count;
    starts_[bin + 1] = sum;
  }
}

void RowRanker::decide(const uint32_t* keys, size_t n, size_t from, size_t to,
                       const uint32_t* words, const std::vector<uint32_t>& thresholds,
                       uint64_t* mask, size_t bit) {
  if (n < kShortRow) return decide_sorted(keys, n, from, to, words, thresholds, mask, bit);
  count_bins(keys, n);
  const uint32_t zeros_end = starts_[least_];
  for (size_t i = from; i < to; ++i) {
    const uint32_t bin = keys[i] >> kShift;
    const uint32_t first = bin == 0 ? 0 : starts_[bin];
    const uint32_t end = bin == 0 ? zeros_end : starts_[bin + 1];
    const uint32_t word = words[i - from];
    bool stays = word < thresholds[first];
    if (stays != (word < thresholds[end - 1])) {
      stays = word < thresholds[exact_rank(keys, n, i)];
    }
    const size_t at = bit + i - from;
    mask[at / 64] |= static_cast<uint64_t>(stays) << (at % 64);
  }
}

void RowRanker::decide_sorted(const uint32_t* keys, size_t n, size_t from, size_t to,
                              const uint32_t* words, const std::vector<uint32_t>& thresholds,
                              uint64_t* mask, size_t bit) {
  sorted_.resize(n);
  for (size_t i = 0; i < n; ++i) sorted_[i] = (static_cast<uint64_t>(keys[i]) << 32) | i;
  std::sort(sorted_.begin(), sorted_.end());
  for (size_t rank = 0; rank < n; ++rank) {
    const size_t i = static_cast<uint32_t>(sorted_[rank]);
    if (i < from || i >= to || words[i - from] >= thresholds[rank]) continue;
    const size_t at = bit + i - from;
    mask[at / 64] |= uint64_t{1} << (at % 64);
  }
}

}  // namespace weightloom
