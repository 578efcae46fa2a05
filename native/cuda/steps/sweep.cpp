#include "sweep.h"

#include <algorithm>

namespace weightloom::cuda {

static_assert(kHistogramBins == Selection::kBins);
static_assert(kSegment == kBlock);

SweepOn::SweepOn(Chunk& chunk, Selection& selection, const uint32_t* keys)
    : selection_(selection), block_(chunk.range().index) {
  const uint64_t n = chunk.range().n;
  blocks_ = (n + kBlock - 1) / kBlock;
  const bool by_block = selection.mode() == Selection::Mode::count;
  const uint64_t count = by_block ? blocks_ : kHistogramBins;
  auto* counts = chunk.lane().room_for<uint32_t>(count);
  auto* above = chunk.lane().room_for<uint64_t>(1);
  chunk.lane().clear(counts, count * sizeof(uint32_t));
  chunk.lane().clear(above, sizeof(uint64_t));
  const KeysLaunch launch{
      keys,   n,    selection.low(), selection.high(), static_cast<uint32_t>(selection.shift()),
      counts, above};
  const Kernels& kernels = chunk.device().kernels();
  if (by_block) {
    chunk.launch(kernels.count_keys, blocks_, launch);
  } else {
    chunk.launch(kernels.histogram, chunk.device().few_blocks(n), launch);
  }
  counts_ = chunk.results(counts, count);
  above_ = chunk.results(above, 1);
}

void SweepOn::hand_in() {
  SweepBlock part;
  part.above = *above_;
  if (selection_.mode() == Selection::Mode::histogram) {
    part.bins = const_cast<uint32_t*>(counts_);
    return selection_.finish_block(block_, part);
  }
  for (uint64_t i = 0; i < blocks_; ++i) {
    part.inside = counts_[i];
    selection_.finish_block(block_ + i, part);
    part.above = 0;
  }
}

void magnitudes_on(Chunk& chunk, const void* x, const void* base, uint64_t n, uint32_t* keys) {
  chunk.walk(chunk.device().kernels().delta_magnitude[chunk.codec()], n,
             DeltaArgs{x, base, n, keys});
}

void keep_on(Chunk& chunk, const Threshold& threshold, const uint32_t* keys, uint64_t* mask) {
  const Range& range = chunk.range();
  const uint32_t cut = threshold.cut_within(range.first, range.n);
  chunk.walk(chunk.device().kernels().keep_keys, range.n,
             KeyMaskArgs{keys, range.n, threshold.key, cut, mask});
}

uint64_t mask_words(uint64_t n) { return (n + 63) / 64; }

Segments blocks_of(const Chunk& chunk) {
  const uint64_t n = chunk.range().n;
  const auto count = static_cast<uint32_t>((n + kBlock - 1) / kBlock);
  return {n, n, count, count};
}

}  // namespace weightloom::cuda
