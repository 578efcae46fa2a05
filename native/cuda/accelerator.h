// Runs the steps of a job on one or more GPUs. Tensors are dealt by bytes: each goes as a whole to
// the GPU that has been given the fewest so far.
#pragma once

#include <memory>
#include <vector>

#include "../engine/job.h"
#include "chunks.h"

namespace weightloom::cuda {

struct CudaOptions {
  uint64_t max_device_memory = 0;  // of each GPU; 0: four fifths of what is free
  size_t threads = 1;
};

// One GPU's share of a job.
struct DeviceShare {
  DeviceShare(const Device& device, uint64_t bound, size_t lane_count, uint64_t lane_bytes)
      : device(device),
        memory(device, bound, lane_count * lane_bytes),
        lanes(device, memory, lane_count, lane_bytes) {}
  const Device& device;
  DeviceMemory memory;
  Lanes lanes;
  uint64_t dealt = 0;
};

// Its prepare() throws JobError: NO_GPU where there is none, DEVICE_MEMORY, DEVICE; the same each
// time.
std::shared_ptr<Accelerator> make_accelerator(const CudaOptions& options);

// A step on a GPU, or null for one that is left to the CPU.
std::unique_ptr<RunningStep> make_on_device(StepIo& io, DeviceShare& share);

}  // namespace weightloom::cuda
