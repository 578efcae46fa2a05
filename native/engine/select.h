// The exact k-th largest of n unsigned 32-bit keys without sorting them.
//
// A range of keys is known to hold the k-th largest; at first it is everything, or the bracket that
// a sample suggests. Every sweep counts the keys above the range and looks inside it:
//   collect    few keys lie inside, apart from some frequent ones that the sample has shown (the
//              differences of 16-bit weights take few values): keep the few, count the frequent by
//              block, finish on them exactly
//   histogram  many do: count them in 2048 bins, go on with the bin that holds the k-th
//   count      the range is one key: count it by block
// A bracket that misses is noticed by the counts, and the search starts again with the full range.
// If more keys equal the k-th than there is room for, those with the lower index stay: the block
// where the room ends is read once more. So an element stays iff key > threshold, or key ==
// threshold and index < cut. With a sample, one sweep is the rule.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <vector>

namespace weightloom {

// Keys that are counted apart, at most.
constexpr size_t kMostFrequent = 16;

// What one block contributes to a sweep; `keys` and `bins` are worker memory.
struct SweepBlock {
  uint64_t above = 0;
  uint64_t inside = 0;
  // collect: the keys inside, in order; room for the block and 16 more, see collect_keys
  uint32_t* keys = nullptr;
  // collect: how many equal each of the frequent keys, which then are not among `keys`
  std::vector<uint32_t> tallies;
  uint32_t* bins = nullptr;  // histogram: kBins counters
};

// What a finished selection says.
struct Threshold {
  uint32_t key;
  uint64_t cut;

  // The cut counted from element `first`, among `n`.
  uint32_t cut_within(uint64_t first, size_t n) const {
    return static_cast<uint32_t>(cut <= first ? 0 : std::min<uint64_t>(cut - first, n));
  }
};

class Selection {
 public:
  enum class Mode { collect, histogram, count };

  // keep: how many stay; 0 < keep <= count. Without `collects` the sweeps only count: for who
  // would have to bring the keys from afar.
  Selection(uint64_t keep, uint64_t count, uint64_t blocks, bool collects = true);

  // Narrows the first range by a sample of the keys.
  void bracket(const std::vector<uint32_t>& sample);

  // The threshold is known; done: the cut is known too.
  bool counted() const { return counted_; }
  bool done() const { return done_; }
  Threshold result() const { return {low_, cut_}; }

  Mode mode() const { return mode_; }
  uint32_t low() const { return low_; }
  uint32_t high() const { return high_; }
  int shift() const { return shift_; }  // histogram: of a key's distance from low
  const std::vector<uint32_t>& frequent() const { return frequent_; }

  // Adds a tile's keys to a block's contribution.
  void add(const uint32_t* keys, size_t n, SweepBlock& block) const;
  // Hands in a block's contribution.
  void finish_block(uint64_t index, SweepBlock block);
  // Ends a sweep. Returns the block to search by `find_cut`, or kNone.
  uint64_t advance();
  // Searches the keys of that block, whose first element has index `first`.
  void find_cut(const uint32_t* keys, size_t n, uint64_t first);

  static constexpr size_t kBins = 2048;
  static constexpr uint64_t kNone = ~uint64_t{0};
  // Keys kept at most by `collect`: 6 MiB.
  static constexpr uint64_t kMostCollected = uint64_t{3} << 19;

 private:
  // A key, and how often it was met.
  struct Repeated {
    uint32_t key;
    uint64_t total;
  };

  void start_over();
  void choose_mode(uint64_t expected);
  void collect(uint32_t key, SweepBlock& block) const;
  void add_histogram(const uint32_t* keys, size_t n, SweepBlock& block) const;
  size_t find_frequent(const std::vector<uint32_t>& sample);
  uint64_t finish_collected();
  std::vector<Repeated> frequent_totals() const;
  uint64_t end_collected();
  uint64_t enter_bin();
  void narrow();
  uint64_t end_with(uint64_t equal);

  uint64_t keep_, count_, blocks_;
  bool collects_;
  uint32_t low_ = 0, high_ = 0xFFFFFFFFu;
  Mode mode_ = Mode::histogram;
  int shift_ = 21;
  bool counted_ = false, done_ = false;
  uint64_t room_ = 0;
  uint64_t cut_;
  std::mutex mutex_;
  uint64_t above_ = 0, inside_ = 0;
  std::vector<uint64_t> totals_;
  std::vector<uint32_t> equal_;
  uint64_t stored_ = 0;
  std::vector<uint32_t> frequent_;  // descending
  std::vector<std::vector<uint32_t>> collected_, tallies_;
};

}  // namespace weightloom
