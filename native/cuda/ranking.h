// Ranks within rows. sort_rows: a block of the grid sorts a row of keys with their places by eight
// stable passes over four bits each: every thread counts the digits of a run of its own, the counts
// are summed by digit and then by thread, and every thread moves its run in order. So equal keys
// keep the order of their places, as the CPU's sort of (key, place) has it.
// decide_ranks: what stays, by rank. pack_mask: bits of it.
// Memory: eight reads and writes of eight bytes an element, in the caches for rows of models.
#pragma once

#include "launch.h"
#include "selecting.h"

namespace weightloom::cuda {
namespace {

constexpr uint32_t kDigits = 16;

ANYWHERE inline uint32_t digit_of(uint64_t entry, uint32_t pass) {
  return static_cast<uint32_t>(entry >> (32 + 4 * pass)) % kDigits;
}

// Turns counts, by digit and then by thread, into where each thread's entries of a digit go.
ANYWHERE inline void place_digits(uint32_t* counts, uint32_t* totals) {
  together([&](uint32_t thread) {
    totals[thread] = 0;
    for (uint32_t k = 0; k < kDigits; ++k) totals[thread] += counts[thread * kDigits + k];
  });
  together([&](uint32_t thread) {
    uint32_t before = 0;
    for (uint32_t t = 0; t < thread; ++t) before += totals[t];
    for (uint32_t k = 0; k < kDigits; ++k) {
      const uint32_t own = counts[thread * kDigits + k];
      counts[thread * kDigits + k] = before;
      before += own;
    }
  });
}

ANYWHERE inline void sort_pass(const uint64_t* from, uint64_t* to, uint64_t width, uint32_t pass) {
  SHARED uint32_t counts[kDigits * kThreads];
  SHARED uint32_t totals[kThreads];
  const uint64_t run = (width + kThreads - 1) / kThreads;
  const auto end_of = [&](uint32_t thread) {
    const uint64_t end = (thread + 1) * run;
    return end < width ? end : width;
  };
  together([&](uint32_t thread) {
    for (uint32_t digit = 0; digit < kDigits; ++digit) counts[digit * kThreads + thread] = 0;
    for (uint64_t i = thread * run; i < end_of(thread); ++i) {
      ++counts[digit_of(from[i], pass) * kThreads + thread];
    }
  });
  place_digits(counts, totals);
  together([&](uint32_t thread) {
    for (uint64_t i = thread * run; i < end_of(thread); ++i) {
      to[counts[digit_of(from[i], pass) * kThreads + thread]++] = from[i];
    }
  });
}

ANYWHERE inline void run_sort_rows(const SortLaunch& launch) {
  for (uint64_t row = grid_block(); row < launch.rows; row += grid_blocks()) {
    const uint64_t at = row * launch.width;
    uint64_t* const sorted = launch.sorted + at;
    uint64_t* const spare = launch.spare + at;
    together([&](uint32_t thread) {
      for (uint64_t i = thread; i < launch.width; i += kThreads) {
        const uint32_t key = launch.keys[at + i];
        sorted[i] = static_cast<uint64_t>(launch.descending ? ~key : key) << 32 | i;
      }
    });
    for (uint32_t pass = 0; pass < 8; pass += 2) {
      sort_pass(sorted, spare, launch.width, pass);
      sort_pass(spare, sorted, launch.width, pass + 1);
    }
  }
}

ANYWHERE inline void run_decide_ranks(const RankLaunch& launch) {
  const uint64_t stride = uint64_t{grid_blocks()} * walking_threads();
  const uint64_t first = uint64_t{grid_block()} * walking_threads() + walking_thread();
  for (uint64_t i = first; i < launch.n; i += stride) {
    const uint64_t row = i / launch.width * launch.width, rank = i - row;
    const uint64_t element = row + static_cast<uint32_t>(launch.sorted[i]);
    const auto place = static_cast<double>(rank);
    const bool stays = launch.words != nullptr ? launch.words[element] < launch.thresholds[rank]
                                               : place >= launch.from && place < launch.to;
    launch.stays[element] = stays ? 1 : 0;
    if (launch.factors != nullptr) launch.factors[element] = launch.factor_of_rank[rank];
  }
}

ANYWHERE inline void run_pack_mask(const PackLaunch& launch) {
  walk_eights(launch.n, [&](uint64_t at, uint32_t live) {
    uint32_t bits = 0;
    for (uint32_t i = 0; i < live; ++i) bits |= static_cast<uint32_t>(launch.stays[at + i]) << i;
    store_bits(launch.mask, at, live, bits);
  });
}

}  // namespace
}  // namespace weightloom::cuda
