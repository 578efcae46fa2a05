#include "accelerator.h"

#include <algorithm>

namespace weightloom::cuda {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kLeastLane = 4 * kMiB;
constexpr uint64_t kMostLane = 32 * kMiB;
// With that many something is always read, copied up, computed, copied down and written.
constexpr size_t kMostLanes = 8;

std::string in_mib(uint64_t bytes) { return std::to_string(bytes / kMiB) + " MiB"; }

// Half of the bound is for lanes, the other half for tensors that stay on the device.
std::unique_ptr<DeviceShare> share_of(const Device& device, const CudaOptions& options) {
  device.enter();
  const uint64_t free = device.free_memory();
  const uint64_t bound = options.max_device_memory == 0 ? free / 5 * 4 : options.max_device_memory;
  if (bound < kLeastLane) {
    const char* what = options.max_device_memory == 0 ? "free memory of " : "maxDeviceMemory: ";
    throw JobError{"DEVICE_MEMORY", std::string("GPU: ") + what + in_mib(bound) +
                                        " is too little, at least " + in_mib(kLeastLane) +
                                        " is needed"};
  }
  const uint64_t wanted = std::min(options.threads, kMostLanes);
  const uint64_t bytes = std::clamp(bound / 2 / wanted / kMiB * kMiB, kLeastLane, kMostLane);
  const auto lanes = static_cast<size_t>(std::clamp<uint64_t>(bound / 2 / bytes, 1, wanted));
  return std::make_unique<DeviceShare>(device, bound, lanes, bytes);
}

class CudaAccelerator : public Accelerator {
 public:
  explicit CudaAccelerator(std::vector<std::unique_ptr<DeviceShare>> shares)
      : shares_(std::move(shares)) {}

  // Called with the job's lock held.
  std::unique_ptr<RunningStep> make(StepIo& io) override {
    const auto least =
        std::min_element(shares_.begin(), shares_.end(),
                         [](const auto& a, const auto& b) { return a->dealt < b->dealt; });
    DeviceShare& share = **least;
    auto step = make_on_device(io, share);
    if (step != nullptr) share.dealt += io.bytes_of(io.step().count) * io.step().inputs.size();
    return step;
  }

 private:
  std::vector<std::unique_ptr<DeviceShare>> shares_;
};

}  // namespace

std::shared_ptr<Accelerator> make_accelerator(const CudaOptions& options) {
  const FoundDriver& found = find_driver();
  if (found.driver == nullptr) throw JobError{"BACKEND", found.reason};
  std::vector<int> ordinals = options.devices;
  const int count = device_count(*found.driver);
  if (count == 0) throw JobError{"BACKEND", "the CUDA driver finds no GPU"};
  for (int i = 0; options.devices.empty() && i < count; ++i) ordinals.push_back(i);
  std::vector<std::unique_ptr<DeviceShare>> shares;
  JobError last;
  for (const int ordinal : ordinals) {
    // With several GPUs those that cannot be used are left out.
    try {
      shares.push_back(share_of(device_at(*found.driver, ordinal), options));
    } catch (const JobError& error) {
      last = error;
    }
  }
  if (shares.empty()) throw last;
  return std::make_shared<CudaAccelerator>(std::move(shares));
}

}  // namespace weightloom::cuda
