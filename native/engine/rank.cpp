#include "rank.h"

#include <algorithm>

namespace weightloom {
namespace {

constexpr size_t kShortRow = 512;
constexpr size_t kSample = 32;
constexpr int kMostOutside = kSample / 8;
constexpr uint32_t kInfiniteOctave = 255;
constexpr uint32_t kOctavesBelow = 4;
constexpr uint32_t kOctavesAbove = 3;
constexpr int kMantissaBits = 23;
constexpr int kMostBits = 12;
constexpr size_t kMostZeroBins = 16;

// A row is sorted when more of its elements would have to be searched for: a search reads the row,
// and sorting costs about as much as so many searches, however long it is.
constexpr size_t kMostSearched = 128;

constexpr size_t part_of(size_t n) { return (n + kRowParts - 1) / kRowParts; }

// Smaller keys, and equal ones before it.
uint32_t exact_rank(const KernelTable& kernels, const uint32_t* keys, size_t n, size_t element) {
  uint32_t before = 0, after = 0;
  kernels.count_within({keys, element, 0, keys[element] + 1, &before});
  kernels.count_within({keys + element, n - element, 0, keys[element], &after});
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

// Octaves, which are exponents of binary32, that hold nearly all of a row, by a sample of it: those
// around the mean, which outliers hardly move, or all that the sample spans where it is spread out.
RowRanker::Octaves RowRanker::octaves_of(const Row& row) {
  uint32_t found[kSample], count = 0, sum = 0;
  Octaves all{kInfiniteOctave, 0};
  for (size_t i = 0, at = 0; i < kSample; ++i, at += row.n / kSample) {
    const uint32_t octave = row.keys[at] >> kMantissaBits;
    if (row.keys[at] == 0 || octave == kInfiniteOctave) continue;
    found[count++] = octave;
    sum += octave;
    all = {std::min(all.lowest, octave), std::max(all.highest, octave)};
  }
  if (count == 0) return {kInfiniteOctave / 2, kInfiniteOctave / 2};
  const uint32_t mean = sum / count;
  const Octaves near{std::max(all.lowest, mean < kOctavesBelow ? 0 : mean - kOctavesBelow),
                     std::min(all.highest, mean + kOctavesAbove)};
  const auto outside = std::count_if(found, found + count, [&](uint32_t octave) {
    return octave < near.lowest || octave > near.highest;
  });
  return outside > kMostOutside ? all : near;
}

// Puts every key in its bin, and counts. Some eighth as many bins as elements, and those of zeros,
// which the place in the row divides.
void RowRanker::deal(const Row& row) {
  const size_t n = row.n;
  const Octaves octaves = octaves_of(row);
  int bits = 0, zero_shift = 4;
  while (bits < kMostBits && (octaves.highest - octaves.lowest + 1) << (bits + 3) <= n) ++bits;
  while ((n - 1) >> zero_shift >= kMostZeroBins) ++zero_shift;
  const uint32_t top = ((octaves.highest + 1) << bits) - 1;
  const uint32_t low = std::max(1u, octaves.lowest << bits) - 1;
  const auto zeros = static_cast<uint32_t>((n - 1) >> zero_shift) + 1;
  const size_t bins = zeros + top - low + 1;
  bin_of_.resize(n);
  listed_.resize(n + kListRoom);
  counts_.assign(kRowParts * bins, 0);
  size_t listed = 0;
  row.kernels.deal_keys({row.keys, n, kMantissaBits - bits, low, top, zero_shift, zeros, part_of(n),
                         counts_.data(), bin_of_.data(), listed_.data(), &listed});
  // Where most keys are listed, as in rows of binary32, it is not worth looking at each.
  const bool all = listed > n / 2;
  mixed_.assign(bins, all ? 1 : 0);
  for (size_t i = 0; i < listed && !all; ++i) mixed_[listed_[i]] = 1;
  // The first after those of zeros has all that is too small for a bin of its own.
  std::fill(mixed_.begin(), mixed_.begin() + zeros, 0);
  mixed_[zeros] = 1;
}

void RowRanker::find_ends(const Row& row) {
  const size_t bins = mixed_.size();
  starts_.resize(bins + 1);
  ends_.resize(bins);
  row.kernels.bin_ends({counts_.data(), bins, row.thresholds, starts_.data(), ends_.data()});
}

// Ranks for the undecided. False when there is too much to search.
bool RowRanker::settle(const Row& row, size_t from, size_t undecided, const uint32_t* words) {
  size_t searched = 0;
  reached_.assign(mixed_.size(), {});
  for (size_t u = 0; u < undecided; ++u) {
    const size_t at = undecided_[u], i = from + at;
    const uint32_t bin = bin_of_[i], word = words[at];
    if (mixed_[bin] == 0) {
      set_bit(row_mask_.data(), at, stays_among_equals(row, i, word));
      continue;
    }
    bool stays = word < row.thresholds[starts_[bin]];
    if (stays != (word < row.thresholds[starts_[bin + 1] - 1])) {
      if (++searched > kMostSearched) return false;
      stays = word < row.thresholds[exact_rank(row.kernels, row.keys, row.n, i)];
    }
    set_bit(row_mask_.data(), at, stays);
  }
  return true;
}

// Decides an element of a bin whose keys are all equal: its rank is the bin's first and its place
// among them. Elements of a bin come by growing index. Counts of the parts, and of what was asked
// for before, mostly say closely enough where the place is.
bool RowRanker::stays_among_equals(const Row& row, size_t element, uint32_t word) {
  const uint32_t bin = bin_of_[element];
  const size_t bins = mixed_.size(), part = element / part_of(row.n), begin = part * part_of(row.n);
  uint32_t before = 0;
  for (size_t p = 0; p < part; ++p) before += counts_[p * bins + bin];
  Reached& reached = reached_[bin];
  if (reached.at < begin) reached = {static_cast<uint32_t>(begin), before};
  const size_t lowest = starts_[bin] + reached.count;
  const size_t last = starts_[bin] + before + counts_[part * bins + bin] - 1;
  if (word < row.thresholds[lowest]) return true;
  if (word >= row.thresholds[std::min(last, lowest + element - reached.at)]) return false;
  uint32_t more = 0;
  row.kernels.count_within({bin_of_.data() + reached.at, element - reached.at, bin, 1, &more});
  reached = {static_cast<uint32_t>(element), reached.count + more};
  return word < row.thresholds[lowest + more];
}

void RowRanker::decide(const KernelTable& kernels, const uint32_t* keys, size_t n, size_t from,
                       size_t to, const uint32_t* words, const std::vector<uint32_t>& thresholds,
                       uint64_t* mask, size_t bit) {
  if (from == to) return;
  const Row row{kernels, keys, n, thresholds.data()};
  if (n < kShortRow) return decide_sorted(row, from, to, words, mask, bit);
  deal(row);
  find_ends(row);
  row_mask_.resize((to - from + 63) / 64);
  undecided_.resize(to - from);
  size_t undecided = 0;
  kernels.decide_bins({bin_of_.data() + from, words, to - from, ends_.data(), row_mask_.data(),
                       undecided_.data(), &undecided});
  if (!settle(row, from, undecided, words)) {
    return decide_sorted(row, from, to, words, mask, bit);
  }
  add_bits(row_mask_.data(), to - from, mask, bit);
}

void RowRanker::decide_sorted(const Row& row, size_t from, size_t to, const uint32_t* words,
                              uint64_t* mask, size_t bit) {
  sorted_.resize(row.n);
  for (size_t i = 0; i < row.n; ++i) sorted_[i] = (static_cast<uint64_t>(row.keys[i]) << 32) | i;
  std::sort(sorted_.begin(), sorted_.end());
  for (size_t rank = 0; rank < row.n; ++rank) {
    const size_t i = static_cast<uint32_t>(sorted_[rank]);
    if (i < from || i >= to) continue;
    set_bit(mask, bit + i - from, words[i - from] < row.thresholds[rank]);
  }
}

}  // namespace weightloom
