// Steps on a GPU: each is the CPU's step with the passes over tensors replaced; what happens
// between the passes is shared.
#pragma once

#include "../../engine/operations/weighted_sum.h"
#include "../accelerator.h"

namespace weightloom::cuda {

std::unique_ptr<RunningStep> make_arcee_fusion_on(StepIo& io, DeviceShare& share);
std::unique_ptr<RunningStep> make_linear_on(StepIo& io, DeviceShare& share);
std::unique_ptr<RunningStep> make_nearswap_on(StepIo& io, DeviceShare& share);
std::unique_ptr<RunningStep> make_ram_on(StepIo& io, DeviceShare& share);
std::unique_ptr<RunningStep> make_sce_on(StepIo& io, DeviceShare& share);
std::unique_ptr<RunningStep> make_span_on(StepIo& io, DeviceShare& share);
std::unique_ptr<RunningStep> make_task_on(StepIo& io, DeviceShare& share);

// Null where not even one block fits a lane.
template <class Step>
std::unique_ptr<RunningStep> make_fitting(StepIo& io, DeviceShare& share) {
  auto step = std::make_unique<Step>(io, share);
  if (!step->fits()) return nullptr;
  step->gate = &share.lanes;
  return step;
}

// A weighted sum of the inputs of a chunk, or with a base of the deltas to it; writes the output.
void combine_on(Chunk& chunk, const Combination& combination, bool with_base);

}  // namespace weightloom::cuda
