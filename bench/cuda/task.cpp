#include <algorithm>
#include <cstring>

#include "../../native/engine/lane_sums.h"
#include "../../native/engine/operations/sparsify.h"
#include "selection.h"

namespace weightloom_bench {
namespace {

constexpr uint64_t kMerged = 16 * (kInputs + 1);  // bits of inputs and output
constexpr uint32_t kKey[2] = {7, 0};
constexpr uint64_t kHalf = uint64_t{1} << 31;

// What is done to the deltas.
struct Deltas {
  float weights[kTuned] = {0.6f, 0.4f};
  float rescales[kTuned] = {1.0f, 1.0f};
  float floors[kTuned] = {};
  bool by_mask[kTuned] = {};
  bool floored = false, rescaled = false, normalize = false;
  bool masked() const { return by_mask[0] || by_mask[1]; }
};

cuda::TaskLaunch task_launch(const View& view, const Deltas& deltas) {
  cuda::TaskLaunch launch{};
  launch.args = {.base = view.inputs[0],
                 .element_factors = deltas.masked() ? launch.factors : nullptr,
                 .floors = deltas.floored ? launch.floors : nullptr,
                 .input_count = kTuned,
                 .masked = deltas.masked(),
                 .rescaled = deltas.rescaled,
                 .normalize = deltas.normalize,
                 .divisor = 1.0f,
                 .lambda = 1.0f,
                 .limit = limit(),
                 .out = view.out,
                 .n = view.n,
                 .nonfinite = view.seen};
  for (size_t m = 0; m < kTuned; ++m) {
    launch.inputs[m] = view.inputs[m + 1];
    launch.weights[m] = launch.shares[m] = deltas.weights[m];
    launch.rescales[m] = deltas.rescales[m];
    launch.floors[m] = deltas.floors[m];
    if (deltas.by_mask[m]) launch.masks[m] = reinterpret_cast<const uint8_t*>(view.masks[m]);
  }
  return launch;
}

void task_on_host(const View& host, const Deltas& deltas, bool consensus) {
  const cuda::TaskLaunch launch = task_launch(host, deltas);
  TaskArgs args = launch.args;
  args.inputs = launch.inputs;
  args.weights = launch.weights;
  args.rescales = launch.rescales;
  args.shares = launch.shares;
  args.masks = launch.masks;
  if (args.floors != nullptr) args.floors = launch.floors;
  if (args.element_factors != nullptr) args.element_factors = launch.factors;
  (consensus ? scalar_table.ties : scalar_table.task_arithmetic)[kBf16](args);
}

void enqueue_task(Arrays& arrays, const Deltas& deltas, bool consensus, const Range& range,
                  Room& room) {
  const cuda::Kernels& kernels = arrays.device().kernels();
  walk(arrays, (consensus ? kernels.ties : kernels.task_arithmetic)[kBf16], room, range.n,
       task_launch(arrays.on_device(range, room), deltas));
}

// A floor where that says it all; else a mask.
Deltas deltas_above(const Threshold (&thresholds)[kTuned], const Range& range) {
  Deltas deltas;
  deltas.normalize = true;
  for (size_t m = 0; m < kTuned; ++m) {
    const auto& [key, cut] = thresholds[m];
    const bool all_tied = cut >= range.first + range.n;
    deltas.by_mask[m] = !all_tied && cut > range.first;
    if (deltas.by_mask[m]) continue;
    const uint32_t least = all_tied ? key : key + 1;
    std::memcpy(&deltas.floors[m], &least, sizeof(least));
    deltas.floored = true;
  }
  return deltas;
}

Step ties_step(Arrays& arrays, const Selected& selected) {
  const auto mask = [selected](size_t m, const Range& range, const View& view) {
    const Threshold& threshold = selected.thresholds[m];
    return KeyMaskArgs{view.keys, range.n, threshold.key,
                       threshold.cut_within(range.first, range.n), view.masks[m]};
  };
  Step step;
  step.enqueue = [&arrays, selected, mask](const Range& range, Room& room) {
    const Deltas deltas = deltas_above(selected.thresholds, range);
    for (size_t m = 0; m < kTuned; ++m) {
      if (!deltas.by_mask[m]) continue;
      enqueue_keys(arrays, m, range, room);
      walk(arrays, arrays.device().kernels().keep_keys, room, range.n, mask(m, range, room.view));
    }
    enqueue_task(arrays, deltas, true, range, room);
  };
  step.check = [&arrays, selected, mask](const Range& range, const View& device, const View& host) {
    const Deltas deltas = deltas_above(selected.thresholds, range);
    for (size_t m = 0; m < kTuned; ++m) {
      if (!deltas.by_mask[m]) continue;
      keys_on_host(m, host);
      scalar_table.keep_keys(mask(m, range, host));
    }
    task_on_host(host, deltas, true);
    return same_output(arrays, device, host);
  };
  return step;
}

RandomMaskArgs random_mask(size_t m, const Range& range, const View& view) {
  return {{kKey[0], kKey[1]}, range.first, static_cast<uint32_t>(m),
          kSparsifyPurpose,   kHalf,       range.n,
          view.masks[m]};
}

void enqueue_mask(Arrays& arrays, size_t m, const Range& range, Room& room) {
  walk(arrays, arrays.device().kernels().keep_random, room, range.n,
       random_mask(m, range, room.view));
}

bool check_mask(Arrays& arrays, size_t m, const Range& range, const View& device,
                const View& host) {
  scalar_table.keep_random(random_mask(m, range, host));
  return same(arrays, device.masks[m], host.masks[m], (host.n + 63) / 64);
}

void sums_on_host(size_t m, const View& host) {
  const uint64_t blocks = blocks_of(host.n).count;
  for (uint64_t block = 0; block < blocks; ++block) {
    const uint64_t first = block * kBlock;
    LaneSums all, kept;
    scalar_table.delta_sum[kBf16]({static_cast<const uint16_t*>(host.inputs[m + 1]) + first,
                                   static_cast<const uint16_t*>(host.inputs[0]) + first,
                                   std::min(kBlock, host.n - first), host.masks[m] + first / 64,
                                   all.lanes, kept.lanes});
    host.sums[m][block] = fold(all);
    host.sums[m][blocks + block] = fold(kept);
  }
}

Step rescale_step(Arrays& arrays) {
  Step step;
  step.enqueue = [&arrays](const Range& range, Room& room) {
    const View view = arrays.on_device(range, room);
    const cuda::Segments segments = blocks_of(range.n);
    for (size_t m = 0; m < kTuned; ++m) {
      enqueue_mask(arrays, m, range, room);
      arrays.device().launch(arrays.device().kernels().delta_sum[kBf16], segments.count,
                             room.lane.stream(),
                             cuda::DeltaSumLaunch{segments, view.inputs[m + 1], view.inputs[0],
                                                  view.masks[m], view.sums[m]});
    }
  };
  step.check = [&arrays](const Range& range, const View& device, const View& host) {
    bool right = true;
    for (size_t m = 0; m < kTuned; ++m) {
      right &= check_mask(arrays, m, range, device, host);
      sums_on_host(m, host);
      right &= same(arrays, device.sums[m], host.sums[m], 2 * blocks_of(host.n).count);
    }
    return right;
  };
  return step;
}

Step dare_step(Arrays& arrays) {
  Deltas deltas;
  deltas.normalize = deltas.rescaled = true;
  for (size_t m = 0; m < kTuned; ++m) {
    deltas.by_mask[m] = true;
    deltas.rescales[m] = 2.0f;  // half of each is dropped
  }
  Step step;
  step.enqueue = [&arrays, deltas](const Range& range, Room& room) {
    for (size_t m = 0; m < kTuned; ++m) enqueue_mask(arrays, m, range, room);
    enqueue_task(arrays, deltas, true, range, room);
  };
  step.check = [&arrays, deltas](const Range& range, const View& device, const View& host) {
    bool right = true;
    for (size_t m = 0; m < kTuned; ++m) right &= check_mask(arrays, m, range, device, host);
    task_on_host(host, deltas, true);
    return right && same_output(arrays, device, host);
  };
  return step;
}

}  // namespace

Pass task_pass(Arrays& arrays) {
  const uint64_t chunk = chunk_elements(arrays.elements(), kInputs, 5);
  Step step;
  step.enqueue = [&arrays](const Range& range, Room& room) {
    enqueue_task(arrays, {}, false, range, room);
  };
  step.check = [&arrays](const Range&, const View& device, const View& host) {
    task_on_host(host, {}, false);
    return same_output(arrays, device, host);
  };
  return {"task_arithmetic", "", 0.9, chunk, kMerged, kMerged, {step}};
}

// A sweep reads the base and a model, writes keys and reads them.
std::vector<Pass> ties_passes(Arrays& arrays) {
  const uint64_t chunk = chunk_elements(arrays.elements(), kInputs, 5);
  const Selected selected = select(arrays, chunk);
  Pass selection{"ties", "selection", 0, chunk, 0, 0, {}};
  for (const std::vector<Sweep>& sweeps : selected.sweeps) {
    selection.bits += sweeps.size() * (16 + 16 + 32 + 32);
    selection.tensor_bits += 16 * (sweeps.size() + 1);
    selection.steps.push_back(sweep_step(arrays, sweeps));
  }
  selection.name += ", sweeps: " + std::to_string(selection.steps.size());
  return {selection, {"ties", "merge", 0, chunk, kMerged, kMerged, {ties_step(arrays, selected)}}};
}

// Masks are made in both passes, a bit for each element.
std::vector<Pass> dare_passes(Arrays& arrays) {
  const uint64_t chunk = chunk_elements(arrays.elements(), kInputs, 6);
  const uint64_t sums = kTuned * (16 + 16 + 1 + 1), masks = kTuned * (1 + 1);
  return {{"dare_ties", "rescale", 0, chunk, sums, 16 * kInputs, {rescale_step(arrays)}},
          {"dare_ties", "merge", 0, chunk, kMerged + masks, kMerged, {dare_step(arrays)}}};
}

}  // namespace weightloom_bench
