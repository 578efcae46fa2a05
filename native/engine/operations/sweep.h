// Sweeps for the k-th magnitude of a model's delta: what one block adds to a Selection. Shared by
// the selections of one tensor (sparsify) and of a whole model (census).
#pragma once

#include <vector>

#include "../block.h"
#include "../select.h"

namespace weightloom {

// Positions of a delta's tensors among the inputs of a step.
struct Delta {
  size_t x, base;
};

// A run of elements whose keys go into a sample.
constexpr uint64_t kSampleRun = 256;

// A block's contribution, with room in the worker's memory.
SweepBlock begin_sweep_block(Scratch& scratch);

// Counts what is frequent among a block's keys, and hands it in.
void end_sweep_block(const StepIo& io, Selection& selection, uint64_t index, SweepBlock block);

// Adds the keys of a tile, whatever they are keys of.
void add_keys(const StepIo& io, const Selection& selection, const uint32_t* keys, size_t n,
              SweepBlock& block);

// How many runs make up the sample of `count` elements; 0 for too few to be worth it.
uint64_t sample_runs(uint64_t count);
// They, spread evenly.
std::vector<Range> sample_ranges(uint64_t count);

void sample_run(StepIo& io, Delta delta, const Range& range, std::vector<uint32_t>& sample,
                Scratch& scratch);
// Adds the range to the sweep, as block `index` of the selection.
void sweep_block(StepIo& io, Delta delta, const Range& range, uint64_t index, Selection& selection,
                 Scratch& scratch);
// Looks for the cut in the range, whose first element has index `first` for the selection.
void search_block(StepIo& io, Delta delta, const Range& range, uint64_t first, Selection& selection,
                  Scratch& scratch);

}  // namespace weightloom
