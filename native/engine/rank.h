// Decides by rank: element e of a row stays iff its random word is below thresholds[rank of e], the
// rank counting from 0 by key, equal keys by index. Thresholds do not fall with the rank.
//
// Exact ranks are rarely needed. The keys' upper bits are counted in bins, so an element's rank is
// known to lie in its bin's range of ranks, and as a rule its word is below the thresholds at both
// ends or at neither. Only when it lies between is the row searched for the exact rank. Short rows
// are sorted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weightloom {

class RowRanker {
 public:
  RowRanker();

  // Sets bit `bit + i - from` of the mask for every element i in [from, to) that stays; `words` holds
  // one word for each of these. Keys are below 2^31.
  void decide(const uint32_t* keys, size_t n, size_t from, size_t to, const uint32_t* words,
              const std::vector<uint32_t>& thresholds, uint64_t* mask, size_t bit);

 private:
  void decide_sorted(const uint32_t* keys, size_t n, size_t from, size_t to, const uint32_t* words,
                     const std::vector<uint32_t>& thresholds, uint64_t* mask, size_t bit);
  void count_bins(const uint32_t* keys, size_t n);

  std::vector<uint32_t> starts_;  // of the bins: the lowest rank in each
  uint32_t least_ = 0, most_ = 0;
  std::vector<uint64_t> sorted_;
};

}  // namespace weightloom
