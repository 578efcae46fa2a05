// Keys of a selection (engine/select.h) that lie in memory, and masks made of them.
//
// histogram:   2048 bins of each block's keys in its own memory, added to those of all blocks
// count_keys:  how many keys of each 65,536 are in a range
// keep_keys:   bit i is set iff key > threshold, or key == threshold and i < cut
// change_mask: sets all bits, or takes some away
// Integer sums only, so the order of their additions does not matter. Memory: one read of the keys.
#pragma once

#include "../kernels/keys.h"
#include "launch.h"
#include "octet.h"

namespace weightloom::cuda {
namespace {

ANYWHERE inline void run_histogram(const KeysLaunch& launch) {
  SHARED uint32_t bins[kHistogramBins];
  together([&](uint32_t thread) {
    for (uint32_t bin = thread; bin < kHistogramBins; bin += kThreads) bins[bin] = 0;
  });
  const uint32_t width = launch.high - launch.low;
  together([&](uint32_t thread) {
    uint64_t above = 0;
    const uint64_t stride = uint64_t{grid_blocks()} * kThreads;
    for (uint64_t i = uint64_t{grid_block()} * kThreads + thread; i < launch.n; i += stride) {
      const uint32_t off = launch.keys[i] - launch.low;
      if (off <= width) {
        add_to(&bins[off >> launch.shift], 1);
      } else if (launch.keys[i] > launch.high) {
        ++above;
      }
    }
    if (above != 0) add_to(launch.above, above);
  });
  together([&](uint32_t thread) {
    for (uint32_t bin = thread; bin < kHistogramBins; bin += kThreads) {
      if (bins[bin] != 0) add_to(&launch.counts[bin], bins[bin]);
    }
  });
}

// A block of the grid for each 65,536 keys.
ANYWHERE inline void run_count_keys(const KeysLaunch& launch) {
  const uint64_t first = uint64_t{grid_block()} * kSegment;
  const uint64_t end = first + kSegment < launch.n ? first + kSegment : launch.n;
  together([&](uint32_t thread) {
    uint32_t inside = 0;
    uint64_t above = 0;
    for (uint64_t i = first + thread; i < end; i += kThreads) {
      const uint32_t key = launch.keys[i];
      above += key > launch.high ? 1 : 0;
      inside += key >= launch.low && key <= launch.high ? 1 : 0;
    }
    if (inside != 0) add_to(&launch.counts[grid_block()], inside);
    if (above != 0) add_to(launch.above, above);
  });
}

// Calls body(at, live) for eight elements at a time; at is a multiple of 8.
template <class Body>
ANYWHERE inline void walk_eights(uint64_t n, Body body) {
  for (uint64_t i = Octet::first(); i < n; i += Octet::stride()) {
    body(i, n - i < 8 ? static_cast<uint32_t>(n - i) : 8u);
  }
}

ANYWHERE inline void store_bits(uint64_t* mask, uint64_t at, uint32_t live, uint64_t bits) {
  const auto alive = static_cast<uint32_t>((1u << live) - 1);
  reinterpret_cast<uint8_t*>(mask)[at / 8] = static_cast<uint8_t>(bits & alive);
}

ANYWHERE inline void run_keep_keys(const KeyMaskArgs& launch) {
  const auto threshold = Octet::set_u32(launch.threshold), cut = Octet::set_u32(launch.cut);
  walk_eights(launch.n, [&](uint64_t at, uint32_t live) {
    const auto keys = Octet::load_u32(launch.keys + at);
    store_bits(launch.mask, at, live, kept_bits<Octet>(keys, at, threshold, cut));
  });
}

ANYWHERE inline void run_change_mask(const MaskLaunch& launch) {
  const uint64_t stride = uint64_t{grid_blocks()} * walking_threads();
  const uint64_t first = uint64_t{grid_block()} * walking_threads() + walking_thread();
  for (uint64_t i = first; i < launch.words; i += stride) {
    launch.mask[i] = launch.without == nullptr ? ~uint64_t{0} : launch.mask[i] & ~launch.without[i];
  }
}

}  // namespace
}  // namespace weightloom::cuda
