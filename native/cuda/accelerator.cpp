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

// A GPU that can be used, and how much of its memory may be.
struct Usable {
  const Device& device;
  uint64_t bound;
};

Usable usable(const Device& device, const CudaOptions& options) {
  device.enter();
  const uint64_t free = device.free_memory();
  const uint64_t bound = options.max_device_memory == 0 ? free / 5 * 4 : options.max_device_memory;
  if (bound >= kLeastLane) return {device, bound};
  const char* what = options.max_device_memory == 0 ? "free memory of " : "maxDeviceMemory: ";
  throw device.error("DEVICE_MEMORY", what + in_mib(bound) + " is too little, at least " +
                                          in_mib(kLeastLane) + " is needed");
}

// Half of the bound is for lanes, the other half for tensors that stay on the device.
std::unique_ptr<DeviceShare> share_of(const Usable& gpu, size_t threads) {
  constexpr uint64_t unit = DeviceMemory::kUnit;
  const uint64_t wanted = std::clamp<uint64_t>(threads, 1, kMostLanes);
  const uint64_t bytes = std::clamp(gpu.bound / 2 / wanted / unit * unit, kLeastLane, kMostLane);
  const auto lanes = static_cast<size_t>(std::clamp<uint64_t>(gpu.bound / 2 / bytes, 1, wanted));
  return std::make_unique<DeviceShare>(gpu.device, gpu.bound, lanes, bytes);
}

// What became of each GPU that cannot be used, as one error.
JobError all_of(const std::vector<JobError>& errors) {
  JobError all = errors.front();
  for (size_t i = 1; i < errors.size(); ++i) {
    all.message += "; " + errors[i].message;
    if (errors[i].code != all.code) all.code = "DEVICE";
  }
  return all;
}

// With several GPUs those that cannot be used are left out.
std::vector<Usable> find_usable(const CudaOptions& options) {
  const FoundDriver& found = find_driver();
  if (found.driver == nullptr) throw JobError{"NO_GPU", found.reason};
  const int count = device_count(*found.driver);
  if (count == 0) throw JobError{"NO_GPU", "the CUDA driver finds no GPU"};
  std::vector<Usable> gpus;
  std::vector<JobError> errors;
  // Fewer threads than GPUs would leave some without work.
  for (int ordinal = 0; ordinal < count && gpus.size() < options.threads; ++ordinal) {
    try {
      gpus.push_back(usable(device_at(*found.driver, ordinal), options));
    } catch (const JobError& error) {
      errors.push_back(error);
    }
  }
  if (gpus.empty()) throw all_of(errors);
  return gpus;
}

std::vector<std::unique_ptr<DeviceShare>> share_out(const CudaOptions& options) {
  const std::vector<Usable> gpus = find_usable(options);
  std::vector<std::unique_ptr<DeviceShare>> shares;
  for (size_t i = 0; i < gpus.size(); ++i) {
    const size_t more = i < options.threads % gpus.size() ? 1 : 0;
    shares.push_back(share_of(gpus[i], options.threads / gpus.size() + more));
  }
  return shares;
}

class CudaAccelerator : public Accelerator {
 public:
  explicit CudaAccelerator(CudaOptions options) : options_(options) {}

  ~CudaAccelerator() override {
    if (shares_.empty()) return;
    const KeptContext kept(*find_driver().driver);
    shares_.clear();
  }

  std::shared_ptr<void> prepare() override {
    const Driver* const driver = find_driver().driver;
    auto kept = driver == nullptr ? nullptr : std::make_shared<KeptContext>(*driver);
    const std::lock_guard lock(mutex_);
    if (failed_) throw error_;
    if (!shares_.empty()) return kept;
    try {
      shares_ = share_out(options_);
    } catch (const JobError& error) {
      failed_ = true;
      error_ = error;
      throw;
    }
    return kept;
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
  bool failed_ = false;
  JobError error_;
  std::vector<std::unique_ptr<DeviceShare>> shares_;
};

}  // namespace

std::shared_ptr<Accelerator> make_accelerator(const CudaOptions& options) {
  return std::make_shared<CudaAccelerator>(options);
}

}  // namespace weightloom::cuda
