#include "rank.h"

#include <algorithm>

namespace weightloom {
namespace {

constexpr size_t kShortRow = 512;
constexpr uint32_t kMostOctaves = 24;
constexpr int kMantissaBits = 23;
constexpr int kMostBits = 12;
constexpr size_t kMostLanes = 16;

// A row is sorted when more of its elements would have to be searched for: a search reads the row,
// and sorting costs about as much as so many searches, however long it is.
constexpr size_t kMostSearched = 128;

// Smaller keys, and equal ones before it.
uint32_t exact_rank(const KernelTable& kernels, const uint32_t* keys, size_t n, size_t element) {
  uint32_t before = 0, after = 0;
  kernels.count_below({keys, element, keys[element] + 1, &before});
  kernels.count_below({keys + element, n - element, keys[element], &after});
  return before + after;
}

void set_bit(uint64_t* mask, size_t at, bool value) {
  mask[at / 64] |= static_cast<uint64_t>(value) << (at % 64);
}

// Adds the first n bits of `from` to `mask` from bit `bit` on; what follows them is zero.
void add_bits(const uint64_t* from, size_t n, uint64_t* mask, size_t bit) {
  const size_t shift = bit % 64;
  uint64_t* to = mask + bit / 64;
  for (size_t i = 0; i < (n + 63) / 64; ++i) {
    to[i] |= from[i] << shift;
    const uint64_t over = shift == 0 ? 0 : from[i] >> (64 - shift);
    if (over != 0) to[i + 1] |= over;
  }
}

}  // namespace

// Places every key in its bin. Bins for the octaves that the keys span, a quarter to half as many
// as elements; zeros have one of their own unless the keys span too many.
void RowRanker::deal(const KernelTable& kernels, const uint32_t* keys, size_t n) {
  uint32_t smallest = 0, largest = 0;
  kernels.key_range({keys, n, &smallest, &largest});
  smallest = std::min(smallest, largest);
  const uint32_t spanned = (largest >> kMantissaBits) - (smallest >> kMantissaBits) + 1;
  const size_t octaves = std::min(spanned, kMostOctaves);
  int bits = 0;
  while (bits < kMostBits && octaves << (bits + 2) <= n) ++bits;
  const int shift = kMantissaBits - bits;
  const uint32_t top = largest >> shift;
  const uint32_t range = static_cast<uint32_t>(octaves << bits);
  const uint32_t bottom = top > range ? top - range : 0;
  const uint32_t least = smallest >> shift;
  const uint32_t low = std::max(bottom, least == 0 ? 0 : least - 1);
  const size_t bins = top - low + 1;
  bin_of_.resize(n);
  place_in_bin_.resize(n);
  listed_.resize(n + kMostLanes);
  starts_.assign(bins + 1, 0);
  size_t listed = 0;
  kernels.place_keys({keys, n, shift, low, top, starts_.data(), bin_of_.data(),
                      place_in_bin_.data(), listed_.data(), &listed});
  // Where most keys are listed, as in rows of binary32, it is not worth looking at each.
  const bool all = listed > n / 2;
  mixed_.assign(bins, all ? 1 : 0);
  for (size_t i = 0; i < listed && !all; ++i) mixed_[listed_[i]] = 1;
  // The first bin has zeros only, or also keys that are too small for one of their own.
  if (largest > 0) mixed_[0] = least <= low ? 1 : 0;
}

// The last bin is not empty, so that every bin's first rank has a threshold.
void RowRanker::find_ends(const std::vector<uint32_t>& thresholds) {
  const size_t bins = mixed_.size();
  ends_.resize(bins);
  uint32_t sum = 0;
  for (size_t b = 0; b < bins; ++b) {
    const uint32_t first = sum, count = starts_[b];
    starts_[b] = first;
    sum += count;
    const uint32_t last = count == 0 ? first : sum - 1;
    ends_[b] = (thresholds[first] >> 16) | (thresholds[last] & 0xFFFF0000u);
  }
  starts_[bins] = sum;
}

// Ranks for the undecided. False when there is too much to search.
bool RowRanker::settle(const KernelTable& kernels, const uint32_t* keys, size_t n, size_t from,
                       size_t undecided, const uint32_t* words,
                       const std::vector<uint32_t>& thresholds) {
  size_t searched = 0;
  for (size_t u = 0; u < undecided; ++u) {
    const size_t at = undecided_[u], i = from + at;
    const uint32_t bin = bin_of_[i], word = words[at];
    if (mixed_[bin] == 0) {
      set_bit(row_mask_.data(), at, word < thresholds[starts_[bin] + place_in_bin_[i]]);
      continue;
    }
    bool stays = word < thresholds[starts_[bin]];
    if (stays != (word < thresholds[starts_[bin + 1] - 1])) {
      if (++searched > kMostSearched) return false;
      stays = word < thresholds[exact_rank(kernels, keys, n, i)];
    }
    set_bit(row_mask_.data(), at, stays);
  }
  return true;
}

void RowRanker::decide(const KernelTable& kernels, const uint32_t* keys, size_t n, size_t from,
                       size_t to, const uint32_t* words, const std::vector<uint32_t>& thresholds,
                       uint64_t* mask, size_t bit) {
  if (from == to) return;
  if (n < kShortRow) return decide_sorted(keys, n, from, to, words, thresholds, mask, bit);
  deal(kernels, keys, n);
  find_ends(thresholds);
  row_mask_.resize((to - from + 63) / 64);
  undecided_.resize(to - from);
  size_t undecided = 0;
  kernels.decide_bins({bin_of_.data() + from, words, to - from, ends_.data(), row_mask_.data(),
                       undecided_.data(), &undecided});
  if (!settle(kernels, keys, n, from, undecided, words, thresholds)) {
    return decide_sorted(keys, n, from, to, words, thresholds, mask, bit);
  }
  add_bits(row_mask_.data(), to - from, mask, bit);
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
