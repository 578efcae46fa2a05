// One chunk's part in a sweep of a Selection (engine/select.h), over keys on the device: what lies
// above the range and what inside, counted by bins or by blocks.
#pragma once

#include "../../engine/select.h"
#include "../chunks.h"

namespace weightloom::cuda {

class SweepOn {
 public:
  // Starts counting; the keys are those of the chunk's range.
  SweepOn(Chunk& chunk, Selection& selection, const uint32_t* keys);
  // Hands in what was counted; after chunk.finish().
  void hand_in();

  // Of a chunk: room on the device, and as much of pinned memory.
  static constexpr uint64_t kRoom = kHistogramBins * sizeof(uint32_t) + sizeof(uint64_t);
  static constexpr uint64_t kArrays = 2;

 private:
  Selection& selection_;
  uint64_t block_, blocks_;
  const uint32_t* counts_;
  const uint64_t* above_;
};

// Keys of the delta between two inputs of a chunk, for the `n` elements from `x` and `base` on.
void magnitudes_on(Chunk& chunk, const void* x, const void* base, uint64_t n, uint32_t* keys);

// The mask of what a threshold keeps of the chunk's range.
void keep_on(Chunk& chunk, const Threshold& threshold, const uint32_t* keys, uint64_t* mask);

// Words of a mask, as bytes for each element: one bit, and what it takes to fill words.
uint64_t mask_words(uint64_t n);

// The range of a chunk as segments of whole blocks.
Segments blocks_of(const Chunk& chunk);

}  // namespace weightloom::cuda
