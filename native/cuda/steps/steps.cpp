#include "steps.h"

#include <algorithm>

namespace weightloom::cuda {
namespace {

// Nested steps are made block by block on the CPU, for whoever asks.
bool reads_nested(const WireStep& step) {
  return std::any_of(step.inputs.begin(), step.inputs.end(),
                     [](const WireInput& input) { return input.nested != kNotNested; });
}

}  // namespace

std::unique_ptr<RunningStep> make_on_device(StepIo& io, DeviceShare& share) {
  const WireStep& step = io.step();
  if (reads_nested(step) || step.inputs.size() > kMostModels || step.count == 0) return nullptr;
  switch (step.operation) {
    case Operation::linear:
      return make_linear_on(io, share);
    case Operation::span:
      return make_span_on(io, share);
    case Operation::task:
      return make_task_on(io, share);
    case Operation::nearswap:
      return make_nearswap_on(io, share);
    case Operation::ram:
      return make_ram_on(io, share);
    case Operation::sce:
      return make_sce_on(io, share);
    case Operation::arcee_fusion:
      return make_arcee_fusion_on(io, share);
    default:
      return nullptr;
  }
}

}  // namespace weightloom::cuda
