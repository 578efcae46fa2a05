#include "../../engine/operations/task.h"

#include <algorithm>

#include "masks.h"
#include "steps.h"

namespace weightloom::cuda {
namespace {

class TaskOn : public Task {
 public:
  TaskOn(StepIo& io, DeviceShare& share)
      : Task(io, false),
        // Both the rescale and a selection go over the deltas before the merge does.
        masks_(sparsify_, restore_),
        chunks_(io, share.lanes, share.memory, masks_.needs()) {}

  // Torch's stream is drawn in one order on the CPU.
  bool fits() const { return !sparsify_.draws() && chunks_.fit(); }
  uint64_t blocks() const override { return phase_ == Phase::sample ? 1 : chunks_.count(); }

  void run_block(uint64_t index, Scratch& scratch) override {
    if (phase_ == Phase::sample) return sparsify_.sample(scratch);
    chunks_.run(index, [&](Chunk& chunk) {
      chunk.load_all();
      if (phase_ == Phase::select) return masks_.sweep(chunk, sparsify_);
      if (phase_ == Phase::rescale) return sums_on(chunk);
      merge_on(chunk);
    });
  }

 private:
  void sums_on(Chunk& chunk) {
    const Segments segments = blocks_of(chunk);
    MaskRoom room(chunk);
    std::vector<const double*> sums(weights_.size());
    for (size_t m = 0; m < weights_.size(); ++m) {
      if (!sparsify_.masks(m)) continue;
      const uint64_t* mask = masks_.make(chunk, m, room).mask;
      auto* to = chunk.lane().room_for<double>(2 * segments.count);
      chunk.launch(chunk.device().kernels().delta_sum[chunk.codec()], segments.count,
                   DeltaSumLaunch{segments, chunk.own(m + 1), chunk.own(0), mask, to});
      sums[m] = chunk.results(to, 2 * segments.count);
    }
    chunk.finish();
    const auto at = static_cast<std::ptrdiff_t>(chunk.range().index);
    for (size_t m = 0; m < weights_.size(); ++m) {
      if (sums[m] == nullptr) continue;
      std::copy_n(sums[m], segments.count, sums_[m].begin() + at);
      std::copy_n(sums[m] + segments.count, segments.count, kept_sums_[m].begin() + at);
    }
  }

  void merge_on(Chunk& chunk) const {
    chunk.begin_output();
    TaskLaunch launch{};
    const Drops drops = drops_of(chunk.range());
    MaskRoom room(chunk);
    for (size_t m = 0; m < weights_.size(); ++m) {
      launch.inputs[m] = chunk.own(m + 1);
      launch.weights[m] = weights_[m];
      launch.rescales[m] = rescales_[m];
      launch.shares[m] = shares_[m];
      launch.floors[m] = drops.floors[m];
      if (!drops.by_mask[m]) continue;
      const MadeMask made = masks_.make(chunk, m, room);
      launch.masks[m] = reinterpret_cast<const uint8_t*>(made.mask);
      launch.factors[m] = made.factors;
    }
    // Its arrays are those of the launch, which the kernel finds itself; here they only are, or
    // not.
    launch.args = args_of(drops);
    launch.args.base = chunk.own(0);
    launch.args.out = chunk.output();
    launch.args.n = chunk.range().n;
    launch.args.nonfinite = chunk.nonfinite();
    const Kernels& kernels = chunk.device().kernels();
    chunk.walk((consensus_ ? kernels.ties : kernels.task_arithmetic)[chunk.codec()],
               chunk.range().n, launch);
    chunk.end_output();
  }

  Masks masks_;
  Chunks chunks_;
};

}  // namespace

std::unique_ptr<RunningStep> make_task_on(StepIo& io, DeviceShare& share) {
  return make_fitting<TaskOn>(io, share);
}

}  // namespace weightloom::cuda
