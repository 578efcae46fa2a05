// The exact k-th largest of n unsigned 32-bit keys without sorting.
//
// Radix selection in three sweeps of counting, 11 + 11 + 10 bits from the top. If more keys equal
// the k-th than there is room for, those with the lower index stay: a fourth sweep counts equal
// keys by block, and one block is read again to find the index where the room ends.
// So an element stays iff key > threshold, or key == threshold and index < cut.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

namespace weightloom {

class Selection {
 public:
  // keep: how many stay; 0 < keep < count.
  Selection(uint64_t keep, uint64_t count, uint64_t blocks);

  bool done() const { return level_ == kDone; }
  // The threshold is known; only the cut may still be missing.
  bool counted() const { return level_ >= kTies; }
  uint32_t threshold() const { return prefix_; }
  uint64_t cut() const { return cut_; }

  // Adds one tile of a block's keys to this sweep; `bins` is worker memory of kBins counters that
  // collects over the block's tiles.
  void count(const uint32_t* keys, size_t n, uint32_t* bins) const;
  // Hands in a block's counters.
  void finish_block(uint64_t block, const uint32_t* bins);
  // Ends a sweep. Returns the block to search again by `find_cut`, or kNone.
  uint64_t advance();
  // Searches the keys of that block, whose first element has index `first`.
  void find_cut(const uint32_t* keys, size_t n, uint64_t first);

  static constexpr size_t kBins = 2048;
  static constexpr uint64_t kNone = ~uint64_t{0};

 private:
  static constexpr int kTies = 3;
  static constexpr int kDone = 4;

  void advance_counting();
  uint64_t advance_ties();

  int level_ = 0;
  uint32_t prefix_ = 0;
  uint64_t room_;
  uint64_t cut_;
  std::vector<uint64_t> totals_;
  std::vector<uint32_t> ties_;
  std::mutex mutex_;
};

}  // namespace weightloom
