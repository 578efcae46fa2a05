#include "selection.h"

#include <algorithm>

#include "../../native/engine/operations/sweep.h"

namespace weightloom_bench {
namespace {

constexpr auto kHistogram = Selection::Mode::histogram;

void enqueue_sweep(Arrays& arrays, const Sweep& sweep, const Range& range, Room& room) {
  const View view = arrays.on_device(range, room);
  const cuda::KeysLaunch launch{view.keys,
                                range.n,
                                sweep.low,
                                sweep.high,
                                sweep.shift,
                                view.counts[sweep.model],
                                view.above[sweep.model]};
  const cuda::Device& device = arrays.device();
  const bool bins = sweep.mode == kHistogram;
  const cuda::Handle kernel = bins ? device.kernels().histogram : device.kernels().count_keys;
  const uint64_t blocks = bins ? device.few_blocks(range.n) : blocks_of(range.n).count;
  device.launch(kernel, blocks, room.lane.stream(), launch);
}

void enqueue_sweeps(Arrays& arrays, const std::vector<Sweep>& sweeps, const Range& range,
                    Room& room) {
  for (const Sweep& sweep : sweeps) {
    enqueue_keys(arrays, sweep.model, range, room);
    enqueue_sweep(arrays, sweep, range, room);
  }
}

uint64_t counters(const Sweep& sweep, uint64_t n) {
  return sweep.mode == kHistogram ? Selection::kBins : blocks_of(n).count;
}

void count_on_host(const Sweep& sweep, const View& host) {
  for (uint64_t i = 0; i < host.n; ++i) {
    const uint32_t key = host.keys[i];
    if (key > sweep.high) {
      ++*host.above[sweep.model];
    } else if (key >= sweep.low) {
      const uint64_t bin = sweep.mode == kHistogram ? (key - sweep.low) >> sweep.shift : i / kBlock;
      ++host.counts[sweep.model][bin];
    }
  }
}

// What a chunk's kernels have counted.
void hand_in(Arrays& arrays, const Sweep& sweep, const Range& range, const View& view,
             Selection& selection) {
  std::vector<uint32_t> counts = arrays.fetch(view.counts[sweep.model], counters(sweep, range.n));
  SweepBlock part;
  part.above = arrays.fetch(view.above[sweep.model], 1)[0];
  if (sweep.mode == kHistogram) {
    part.bins = counts.data();
    return selection.finish_block(range.index, part);
  }
  for (uint64_t i = 0; i < counts.size(); ++i) {
    part.inside = counts[i];
    selection.finish_block(range.index + i, part);
    part.above = 0;
  }
}

void bracket(const Arrays& arrays, size_t model, Selection& selection) {
  std::vector<uint32_t> sample;
  for (const Range& range : sample_ranges(arrays.elements())) {
    HostChunk chunk(arrays, range);
    keys_on_host(model, chunk.view());
    sample.insert(sample.end(), chunk.view().keys, chunk.view().keys + range.n);
  }
  selection.bracket(sample);
}

void end_sweep(const Arrays& arrays, size_t model, Selection& selection) {
  const uint64_t block = selection.advance();
  if (block == Selection::kNone) return;
  const uint64_t first = block * kBlock;
  HostChunk chunk(arrays,
                  {block, first, static_cast<size_t>(std::min(kBlock, arrays.elements() - first))});
  keys_on_host(model, chunk.view());
  selection.find_cut(chunk.view().keys, chunk.view().n, first);
}

}  // namespace

void enqueue_keys(Arrays& arrays, size_t model, const Range& range, Room& room) {
  const View view = arrays.on_device(range, room);
  walk(arrays, arrays.device().kernels().delta_magnitude[kBf16], room, range.n,
       DeltaArgs{view.inputs[model + 1], view.inputs[0], range.n, view.keys});
}

void keys_on_host(size_t model, const View& host) {
  scalar_table.delta_magnitude[kBf16]({host.inputs[model + 1], host.inputs[0], host.n, host.keys});
}

Selected select(Arrays& arrays, uint64_t chunk) {
  const uint64_t n = arrays.elements();
  Selection selections[kTuned] = {Selection(n / 2, n, arrays.blocks(), false),
                                  Selection(n / 2, n, arrays.blocks(), false)};
  for (size_t m = 0; m < kTuned; ++m) bracket(arrays, m, selections[m]);
  Selected found;
  for (;;) {
    std::vector<Sweep> sweeps;
    for (size_t m = 0; m < kTuned; ++m) {
      const Selection& s = selections[m];
      if (s.done()) continue;
      sweeps.push_back({m, s.mode(), s.low(), s.high(), static_cast<uint32_t>(s.shift())});
    }
    if (sweeps.empty()) break;
    for_chunks(arrays, chunk, [&](const Range& range, Room& room) {
      room.clear();
      enqueue_sweeps(arrays, sweeps, range, room);
      arrays.finish();
      for (const Sweep& each : sweeps) {
        hand_in(arrays, each, range, room.view, selections[each.model]);
      }
    });
    for (const Sweep& each : sweeps) end_sweep(arrays, each.model, selections[each.model]);
    found.sweeps.push_back(std::move(sweeps));
  }
  for (size_t m = 0; m < kTuned; ++m) found.thresholds[m] = selections[m].result();
  return found;
}

Step sweep_step(Arrays& arrays, const std::vector<Sweep>& sweeps) {
  Step step;
  step.enqueue = [&arrays, sweeps](const Range& range, Room& room) {
    enqueue_sweeps(arrays, sweeps, range, room);
  };
  step.check = [&arrays, sweeps](const Range&, const View& device, const View& host) {
    bool right = true;
    for (const Sweep& sweep : sweeps) {
      keys_on_host(sweep.model, host);
      count_on_host(sweep, host);
      const uint64_t count = counters(sweep, host.n);
      right &= same(arrays, device.counts[sweep.model], host.counts[sweep.model], count);
      right &= same(arrays, device.above[sweep.model], host.above[sweep.model], 1);
    }
    // The keys are those of the last sweep.
    return right && same(arrays, device.keys, host.keys, host.n);
  };
  return step;
}

}  // namespace weightloom_bench
