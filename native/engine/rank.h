// Decides by rank: element e of a row stays iff its random word is below thresholds[rank of e], the
// rank counting from 0 by key, equal keys by index. Thresholds do not fall with the rank.
//
// Keys are the bits of magnitudes. They are dealt into bins of equal width in value, which a float
// multiplication does without changing their order. A word below the lowest threshold, or not below
// the highest, needs no rank. Where all keys of a bin are equal (differences of 16-bit weights take
// few values) the rank is the bin's first rank plus the place among its equals. Otherwise the rank
// lies in the bin's range, and only when the word lies between the thresholds at its two ends is
// the row searched. Short rows are sorted, and so are rows that an outlier would put into few bins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weightloom {

class RowRanker {
 public:
  // Sets bit `bit + i - from` of the mask for every element i in [from, to) that stays; `words`
  // holds one word for each of these. Keys are below 2^31.
  void decide(const uint32_t* keys, size_t n, size_t from, size_t to, const uint32_t* words,
              const std::vector<uint32_t>& thresholds, uint64_t* mask, size_t bit);

 private:
  struct Bin {
    uint32_t count;
    uint32_t key;  // of all its elements, or kMixed
  };

  void decide_sorted(const uint32_t* keys, size_t n, size_t from, size_t to, const uint32_t* words,
                     const std::vector<uint32_t>& thresholds, uint64_t* mask, size_t bit);
  bool deal(const uint32_t* keys, size_t n);
  bool count(const uint32_t* keys, size_t n);
  bool decide_one(const uint32_t* keys, size_t n, size_t i, uint32_t word,
                  const std::vector<uint32_t>& thresholds) const;

  std::vector<uint32_t> bin_of_, place_in_bin_;
  std::vector<Bin> bins_;
  std::vector<uint32_t> starts_;
  std::vector<uint64_t> sorted_;
};

}  // namespace weightloom
