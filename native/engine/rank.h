// Decides by rank: element e of a row stays iff its random word is below thresholds[rank of e], the
// rank counting from 0 by key, equal keys by index. Thresholds do not fall with the rank.
//
// Keys are the bits of magnitudes. They are dealt into bins by their leading bits, over so many
// octaves below the largest that what is smaller hardly matters; an outlier costs a few bins only.
// A bin's elements have consecutive ranks, so most words are below all of its thresholds or not
// below any, which needs no rank (kernels/rank.h). Of the rest, where a bin's number says its keys
// in full (differences of 16-bit weights have few digits), they are equal, and the rank is the
// bin's first rank plus the place among its equals; elsewhere the row is searched. Short rows are
// sorted, and so are rows with too much to search.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../targets/table.h"

namespace weightloom {

class RowRanker {
 public:
  // Sets bit `bit + i - from` of the mask for every element i in [from, to) that stays; `words`
  // holds one word for each of these. Keys are below 2^31.
  void decide(const KernelTable& kernels, const uint32_t* keys, size_t n, size_t from, size_t to,
              const uint32_t* words, const std::vector<uint32_t>& thresholds, uint64_t* mask,
              size_t bit);

 private:
  void decide_sorted(const uint32_t* keys, size_t n, size_t from, size_t to, const uint32_t* words,
                     const std::vector<uint32_t>& thresholds, uint64_t* mask, size_t bit);
  void deal(const KernelTable& kernels, const uint32_t* keys, size_t n);
  void find_ends(const std::vector<uint32_t>& thresholds);
  bool settle(const KernelTable& kernels, const uint32_t* keys, size_t n, size_t from,
              size_t undecided, const uint32_t* words, const std::vector<uint32_t>& thresholds);

  std::vector<uint32_t> bin_of_, place_in_bin_, undecided_;
  std::vector<uint32_t> starts_;  // first rank of each bin, and the end of the last
  std::vector<uint32_t> ends_;    // as kernels/rank.h has them
  std::vector<uint8_t> mixed_;    // whether a bin may have different keys
  std::vector<uint32_t> listed_;
  std::vector<uint64_t> row_mask_, sorted_;
};

}  // namespace weightloom
