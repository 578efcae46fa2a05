#include "rank.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace weightloom {
namespace {

constexpr size_t kShortRow = 512;
constexpr size_t kMostBins = 8192;
constexpr uint32_t kMostMixed = 128;
constexpr uint32_t kMixed = 0xFFFFFFFFu;
constexpr uint32_t kInfinity = 0x7F800000u;

float as_float(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

size_t exact_rank(const uint32_t* keys, size_t n, size_t element) {
  const auto key = static_cast<int32_t>(keys[element]);
  const auto* signed_keys = reinterpret_cast<const int32_t*>(keys);
  size_t rank = 0;
  for (size_t i = 0; i < element; ++i) rank += signed_keys[i] <= key ? 1 : 0;
  for (size_t i = element + 1; i < n; ++i) rank += signed_keys[i] < key ? 1 : 0;
  return rank;
}

void set_bit(uint64_t* mask, size_t at, bool value) {
  mask[at / 64] |= static_cast<uint64_t>(value) << (at % 64);
}

}  // namespace

// Fills bin_of_. False when the keys cannot be dealt by value.
bool RowRanker::deal(const uint32_t* keys, size_t n) {
  uint32_t largest = 0;
  for (size_t i = 0; i < n; ++i) {
    const uint32_t key = keys[i] < kInfinity ? keys[i] : 0;
    largest = key > largest ? key : largest;
  }
  const size_t bins = std::min(n, kMostBins);
  const auto top = static_cast<float>(bins - 1);
  const float scale = largest == 0 ? 0.0f : top / as_float(largest);
  if (!std::isfinite(scale)) return false;
  bin_of_.resize(n);
  for (size_t i = 0; i < n; ++i) {
    const float place = as_float(keys[i]) * scale;
    bin_of_[i] = static_cast<uint32_t>(static_cast<int32_t>(place < top ? place : top));
  }
  bins_.assign(bins, {0, 0});
  return true;
}

// False when a bin holds too many different keys for searching to be cheap.
bool RowRanker::count(const uint32_t* keys, size_t n) {
  place_in_bin_.resize(n);
  for (size_t i = 0; i < n; ++i) {
    Bin& bin = bins_[bin_of_[i]];
    const uint32_t key = keys[i];
    place_in_bin_[i] = bin.count;
    bin.key = bin.count == 0 || bin.key == key ? key : kMixed;
    ++bin.count;
  }
  starts_.resize(bins_.size() + 1);
  uint32_t sum = 0;
  uint32_t fullest = 0;
  for (size_t b = 0; b < bins_.size(); ++b) {
    starts_[b] = sum;
    if (bins_[b].key == kMixed) fullest = std::max(fullest, bins_[b].count);
    sum += bins_[b].count;
  }
  starts_[bins_.size()] = sum;
  return fullest <= kMostMixed;
}

bool RowRanker::decide_one(const uint32_t* keys, size_t n, size_t i, uint32_t word,
                           const std::vector<uint32_t>& thresholds) const {
  const uint32_t bin = bin_of_[i];
  const uint32_t first = starts_[bin];
  if (bins_[bin].key != kMixed) return word < thresholds[first + place_in_bin_[i]];
  const bool stays = word < thresholds[first];
  if (stays == (word < thresholds[starts_[bin + 1] - 1])) return stays;
  return word < thresholds[exact_rank(keys, n, i)];
}

void RowRanker::decide(const uint32_t* keys, size_t n, size_t from, size_t to,
                       const uint32_t* words, const std::vector<uint32_t>& thresholds,
                       uint64_t* mask, size_t bit) {
  if (n < kShortRow || !deal(keys, n) || !count(keys, n)) {
    return decide_sorted(keys, n, from, to, words, thresholds, mask, bit);
  }
  const uint32_t low = thresholds.front();
  const uint32_t span = thresholds.back() - low;
  for (size_t i = from; i < to; ++i) {
    const uint32_t word = words[i - from];
    bool stays = word < low;
    if (word - low < span) stays = decide_one(keys, n, i, word, thresholds);
    set_bit(mask, bit + i - from, stays);
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
    if (i < from || i >= to) continue;
    set_bit(mask, bit + i - from, words[i - from] < thresholds[rank]);
  }
}

}  // namespace weightloom
