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

std::vector<int> ordinals_of(const Driver& driver, const CudaOptions& options) {
  std::vector<int> ordinals = options.devices;
  const int count = device_count(driver);
  if (count == 0) throw JobError{"BACKEND", "the CUDA driver finds no GPU"};
  for (int i = 0; options.devices.empty() && i < count; ++i) ordinals.push_back(i);
  // Fewer threads than GPUs would leave some without work.
  if (ordinals.size() > options.threads) ordinals.resize(options.threads);
  return ordinals;
}

// With several GPUs those that cannot be used are left out.
std::vector<std::unique_ptr<DeviceShare>> share_out(const CudaOptions& options) {
  const FoundDriver& found = find_driver();
  if (found.driver == nullptr) throw JobError{"BACKEND", found.reason};
  const std::vector<int> ordinals = ordinals_of(*found.driver, options);
  CudaOptions each = options;
  each.threads = std::max<size_t>(options.threads / ordinals.size(), 1);
  std::vector<std::unique_ptr<DeviceShare>> shares;
  JobError last;
  for (const int ordinal : ordinals) {
    try {
      shares.push_back(share_of(device_at(*found.driver, ordinal), each));
    } catch (const JobError& error) {
      last = error;
    }
  }
  if (shares.empty()) throw last;
  return shares;
}

class CudaAccelerator : public Accelerator {
 public:
  explicit CudaAccelerator(CudaOptions options) : options_(std::move(options)) {}

  void prepare() override {
    const std::lock_guard lock(mutex_);
    if (shares_.empty()) shares_ = share_out(options_);
  }

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
  CudaOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<DeviceShare>> shares_;
};

}  // namespace

std::shared_ptr<Accelerator> make_accelerator(const CudaOptions& options) {
  return std::make_shared<CudaAccelerator>(options);
}

}  // namespace weightloom::cuda
