// Decides by rank: element e of a row stays iff its random word is below thresholds[rank of e], the
// rank counting from 0 by key, equal keys by index. Thresholds do not fall with the rank.
//
// Keys are the bits of magnitudes. They are dealt into bins by their leading bits, over the octaves
// in which a sample finds nearly all of them; what is beyond goes into the bins at the ends. A
// bin's elements have consecutive ranks, so most words are below all of its thresholds or not below
// any, which needs no rank (kernels/rank.h). Of the rest, where a bin's number says its keys in
// full (differences of 16-bit weights have few digits), they are equal, and the rank is the bin's
// first rank plus the place among its equals; elsewhere the row is searched. Short rows are sorted,
// and so are rows with too much to search.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../targets/table.h"

namespace weightloom {

class RowRanker {
 public:
  // Sets bit `bit + i - from` of the mask for every element i in [from, to) that stays; `words`
  // holds one word for each of these. Keys are below 2^31; thresholds are n and the last one again.
  void decide(const KernelTable& kernels, const uint32_t* keys, size_t n, size_t from, size_t to,
              const uint32_t* words, const std::vector<uint32_t>& thresholds, uint64_t* mask,
              size_t bit);

 private:
  struct Row {
    const KernelTable& kernels;
    const uint32_t* keys;
    size_t n;
    const uint32_t* thresholds;
  };
  struct Octaves {
    uint32_t lowest;
    uint32_t highest;
  };
  // How many keys of a bin come before element `at`.
  struct Reached {
    uint32_t at = 0;
    uint32_t count = 0;
  };

  static Octaves octaves_of(const Row& row);
  void deal(const Row& row);
  void find_ends(const Row& row);
  bool settle(const Row& row, size_t from, size_t undecided, const uint32_t* words);
  bool stays_among_equals(const Row& row, size_t element, uint32_t word);
  void decide_sorted(const Row& row, size_t from, size_t to, const uint32_t* words, uint64_t* mask,
                     size_t bit);

  std::vector<uint32_t> bin_of_, undecided_;
  std::vector<uint32_t> counts_;  // of each bin, for each part of the row
  std::vector<uint32_t> starts_;  // first rank of each bin, and the end of the last
  std::vector<uint32_t> ends_;    // as kernels/rank.h has them
  std::vector<uint8_t> mixed_;    // whether a bin may have different keys
  std::vector<uint32_t> listed_;
  std::vector<Reached> reached_;
  std::vector<uint64_t> row_mask_, sorted_;
};

}  // namespace weightloom
