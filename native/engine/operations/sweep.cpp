#include "sweep.h"

#include <algorithm>

namespace weightloom {
namespace {

// A sample is 64 runs of 256 elements, eight times as many for large tensors.
constexpr uint64_t kRuns = 64;
constexpr uint64_t kLarge = uint64_t{1} << 22;

// Keys of a delta in a tile whose inputs are {x, base}.
const uint32_t* keys(const StepIo& io, const Tile& tile, Scratch& scratch) {
  auto* out = scratch.take<uint32_t>(kMagnitudeSlot, kTile);
  io.kernels().delta_magnitude[tile.codec]({tile.inputs[0], tile.inputs[1], tile.n, out});
  return out;
}

}  // namespace

SweepBlock begin_sweep_block(Scratch& scratch) {
  SweepBlock block;
  block.bins = scratch.take<uint32_t>(kBinSlot, Selection::kBins);
  block.keys = scratch.take<uint32_t>(kWordSlot, kBlock + kListRoom);
  std::fill(block.bins, block.bins + Selection::kBins, 0u);
  return block;
}

void end_sweep_block(const StepIo& io, Selection& selection, uint64_t index, SweepBlock block) {
  const auto& frequent = selection.frequent();
  if (selection.mode() == Selection::Mode::collect && !frequent.empty()) {
    block.tallies.resize(frequent.size());
    io.kernels().tally_keys({block.keys, block.inside, frequent.data(), frequent.size(),
                             block.tallies.data(), &block.inside});
  }
  selection.finish_block(index, std::move(block));
}

void add_keys(const StepIo& io, const Selection& selection, const uint32_t* keys, size_t n,
              SweepBlock& block) {
  const auto mode = selection.mode();
  if (mode == Selection::Mode::histogram) return selection.add(keys, n, block);
  const bool counts = mode == Selection::Mode::count;
  io.kernels().collect_keys({keys, n, selection.low(), selection.high(),
                             counts ? nullptr : block.keys, &block.above, &block.inside});
}

uint64_t sample_runs(uint64_t count) {
  if (count < kSampleRun * kRuns) return 0;
  return count < kLarge ? kRuns : 8 * kRuns;
}

std::vector<Range> sample_ranges(uint64_t count) {
  std::vector<Range> ranges(sample_runs(count));
  for (size_t run = 0; run < ranges.size(); ++run) {
    ranges[run] = {0, (count - kSampleRun) / ranges.size() * run, kSampleRun};
  }
  return ranges;
}

void sample_run(StepIo& io, Delta delta, const Range& range, std::vector<uint32_t>& sample,
                Scratch& scratch) {
  io.for_tiles(range, kTile, {delta.x, delta.base}, nullptr, scratch, [&](const Tile& tile) {
    const uint32_t* of = keys(io, tile, scratch);
    sample.insert(sample.end(), of, of + tile.n);
  });
}

void sweep_block(StepIo& io, Delta delta, const Range& range, uint64_t index, Selection& selection,
                 Scratch& scratch) {
  SweepBlock block = begin_sweep_block(scratch);
  const bool counts = selection.mode() == Selection::Mode::count;
  io.for_tiles(range, kTile, {delta.x, delta.base}, nullptr, scratch, [&](const Tile& tile) {
    if (selection.mode() == Selection::Mode::histogram) {
      return selection.add(keys(io, tile, scratch), tile.n, block);
    }
    io.kernels().collect_magnitude[tile.codec](
        {tile.inputs[0], tile.inputs[1], tile.n, selection.low(), selection.high(),
         counts ? nullptr : block.keys, &block.above, &block.inside});
  });
  end_sweep_block(io, selection, index, std::move(block));
}

void search_block(StepIo& io, Delta delta, const Range& range, uint64_t first, Selection& selection,
                  Scratch& scratch) {
  io.for_tiles(range, kTile, {delta.x, delta.base}, nullptr, scratch, [&](const Tile& tile) {
    selection.find_cut(keys(io, tile, scratch), tile.n, first + tile.at);
  });
}

}  // namespace weightloom
