#include "../../engine/operations/ram.h"

#include <algorithm>

#include "steps.h"

namespace weightloom::cuda {
namespace {

class RamOn : public Ram {
 public:
  RamOn(StepIo& io, DeviceShare& share)
      : Ram(io), chunks_(io, share.lanes, share.memory, needs()) {}

  bool fits() const { return chunks_.fit(); }
  uint64_t blocks() const override { return chunks_.count(); }

  void run_block(uint64_t index, Scratch&) override {
    chunks_.run(index, [&](Chunk& chunk) {
      chunk.load_all();
      if (counting_) return count_on(chunk);
      chunk.begin_output();
      chunk.walk(chunk.device().kernels().ram[chunk.codec()], chunk.range().n, launch_of(chunk));
      chunk.end_output();
    });
  }

 private:
  Needs needs() const { return {.bytes_fixed = 2 * models_ * 8, .arrays = 1, .again = counting_}; }

  RamLaunch launch_of(Chunk& chunk) const {
    RamLaunch launch{};
    launch.args = {.base = chunk.own(0),
                   .input_count = static_cast<uint32_t>(models_),
                   .epsilon = epsilon_,
                   .limit = chunk.limit(),
                   .out = chunk.output(),
                   .n = chunk.range().n,
                   .nonfinite = chunk.nonfinite()};
    for (size_t m = 0; m < models_; ++m) launch.inputs[m] = chunk.own(m + 1);
    std::copy(boosts_.begin(), boosts_.end(), launch.boosts);
    return launch;
  }

  void count_on(Chunk& chunk) {
    RamLaunch launch = launch_of(chunk);
    launch.shared = chunk.lane().room_for<uint64_t>(2 * models_);
    launch.unique = launch.shared + models_;
    chunk.lane().clear(launch.shared, 2 * models_ * sizeof(uint64_t));
    chunk.walk(chunk.device().kernels().ram_count[chunk.codec()], chunk.range().n, launch);
    const uint64_t* counts = chunk.results(launch.shared, 2 * models_);
    chunk.finish();
    const std::lock_guard lock(mutex_);
    for (size_t m = 0; m < models_; ++m) {
      shared_[m] += counts[m];
      unique_[m] += counts[models_ + m];
    }
  }

  Chunks chunks_;
};

}  // namespace

std::unique_ptr<RunningStep> make_ram_on(StepIo& io, DeviceShare& share) {
  return make_fitting<RamOn>(io, share);
}

}  // namespace weightloom::cuda
