#include <algorithm>
#include <numeric>

#include "steps.h"

namespace weightloom::cuda {
namespace {

class LinearOn : public RunningStep {
 public:
  LinearOn(StepIo& io, DeviceShare& share)
      : RunningStep(io),
        combination_(combination_of(io.step())),
        chunks_(io, share.lanes, share.memory, {}) {}

  bool fits() const { return chunks_.fit(); }
  uint64_t blocks() const override { return chunks_.count(); }

  void run_block(uint64_t index, Scratch&) override {
    chunks_.run(index, [&](Chunk& chunk) { combine_on(chunk, combination_, false); });
  }

 private:
  Combination combination_;
  Chunks chunks_;
};

LinearLaunch linear_launch(Chunk& chunk, const Combination& combination) {
  LinearLaunch launch{};
  const auto count = static_cast<uint32_t>(combination.weights.size());
  launch.args = {.input_count = count,
                 .divide = combination.divide,
                 .mean = combination.mean,
                 .divisor = combination.divisor,
                 .limit = chunk.limit(),
                 .out = chunk.output(),
                 .n = chunk.range().n,
                 .nonfinite = chunk.nonfinite()};
  for (uint32_t m = 0; m < count; ++m) launch.inputs[m] = chunk.own(m);
  std::copy(combination.weights.begin(), combination.weights.end(), launch.weights);
  return launch;
}

// The base is the last input.
TaskLaunch delta_launch(Chunk& chunk, const Combination& combination) {
  TaskLaunch launch{};
  const auto count = static_cast<uint32_t>(combination.weights.size());
  launch.args = {.base = chunk.own(count),
                 .input_count = count,
                 .divisor = 1.0f,
                 .lambda = 1.0f,
                 .limit = chunk.limit(),
                 .out = chunk.output(),
                 .n = chunk.range().n,
                 .nonfinite = chunk.nonfinite()};
  for (uint32_t m = 0; m < count; ++m) launch.inputs[m] = chunk.own(m);
  std::copy(combination.weights.begin(), combination.weights.end(), launch.weights);
  return launch;
}

}  // namespace

void combine_on(Chunk& chunk, const Combination& combination, bool with_base) {
  chunk.load_all();
  chunk.begin_output();
  const Kernels& kernels = chunk.device().kernels();
  const uint64_t n = chunk.range().n;
  if (with_base) {
    chunk.walk(kernels.task_arithmetic[chunk.codec()], n, delta_launch(chunk, combination));
  } else {
    chunk.walk(kernels.linear[chunk.codec()], n, linear_launch(chunk, combination));
  }
  chunk.end_output();
}

std::unique_ptr<RunningStep> make_linear_on(StepIo& io, DeviceShare& share) {
  return make_fitting<LinearOn>(io, share);
}

}  // namespace weightloom::cuda
