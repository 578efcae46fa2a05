// Philox words (kernels/random.h) by thread: one counter yields four words, for four elements.
// keep_random: a bit for each element, set iff its word is below the threshold. random_words: the
// words themselves. `first` is a multiple of 4. Arithmetic only; no memory but the output.
#pragma once

#include "../kernels/random.h"
#include "selecting.h"

namespace weightloom::cuda {
namespace {

ANYWHERE inline void run_keep_random(const RandomMaskArgs& launch) {
  const auto threshold = static_cast<uint32_t>(launch.threshold);
  walk_eights(launch.n, [&](uint64_t at, uint32_t live) {
    uint32_t bits = 0;
    for (uint32_t half = 0; half < 2; ++half) {
      PhiloxBlock<Scalar> block[1];
      philox<Scalar, 1>((launch.first + at) / 4 + half, launch, block);
      for (uint32_t j = 0; j < 4; ++j) {
        bits |= (block[0].words[j] < threshold ? 1u : 0u) << (4 * half + j);
      }
    }
    store_bits(launch.mask, at, live, bits);
  });
}

ANYWHERE inline void run_random_words(const RandomWordArgs& launch) {
  walk_eights(launch.n, [&](uint64_t at, uint32_t live) {
    for (uint32_t half = 0; half < 2; ++half) {
      PhiloxBlock<Scalar> block[1];
      philox<Scalar, 1>((launch.first + at) / 4 + half, launch, block);
      for (uint32_t j = 0; j < 4 && 4 * half + j < live; ++j) {
        launch.words[at + 4 * half + j] = block[0].words[j];
      }
    }
  });
}

}  // namespace
}  // namespace weightloom::cuda
