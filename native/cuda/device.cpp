#include "device.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "image.h"

namespace weightloom::cuda {
namespace {

constexpr int kProcessors = 16;  // CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
constexpr int kMajor = 75;       // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
constexpr int kMinor = 76;
constexpr unsigned kBlockingSync = 4;  // CU_CTX_SCHED_BLOCKING_SYNC

constexpr const char* kCodecNames[] = {"_f32", "_f16", "_bf16", "_e4m3", "_e5m2"};

JobError error_of(int ordinal, const char* code, const std::string& what) {
  return {code, "GPU " + std::to_string(ordinal) + ": " + what};
}

void check_result(const Driver& driver, int ordinal, Result result, const char* doing) {
  if (result == kSuccess) return;
  const char* code = result == kOutOfMemory ? "DEVICE_MEMORY" : "DEVICE";
  throw error_of(ordinal, code, doing + (": " + describe_result(driver, result)));
}

}  // namespace

Device::Facts device_facts(const Driver& driver, int ordinal) {
  Device::Facts facts;
  facts.ordinal = ordinal;
  DeviceNumber number = 0;
  const auto check = [&](Result result, const char* doing) {
    check_result(driver, ordinal, result, doing);
  };
  check(driver.cuDeviceGet(&number, ordinal), "finding it");
  char name[256] = {};
  check(driver.cuDeviceGetName(name, sizeof(name) - 1, number), "its name");
  facts.name = name;
  const auto attribute = [&](int which) {
    int value = 0;
    check(driver.cuDeviceGetAttribute(&value, which, number), "its attributes");
    return value;
  };
  facts.capability = 10 * attribute(kMajor) + attribute(kMinor);
  facts.processors = attribute(kProcessors);
  size_t memory = 0;
  check(driver.cuDeviceTotalMem_v2(&memory, number), "its memory");
  facts.memory = memory;
  return facts;
}

int device_count(const Driver& driver) {
  int count = 0;
  const Result result = driver.cuDeviceGetCount(&count);
  if (result == kSuccess) return count;
  throw JobError{"DEVICE", "GPU: counting them: " + describe_result(driver, result)};
}

Device& device_at(const Driver& driver, int ordinal) {
  static auto* const mutex = new std::mutex;
  static auto* const devices = new std::map<int, std::unique_ptr<Device>>;
  const std::lock_guard lock(*mutex);
  auto& device = (*devices)[ordinal];
  if (device == nullptr) device = std::make_unique<Device>(driver, ordinal);
  return *device;
}

Device::Device(const Driver& driver, int ordinal)
    : driver_(driver), facts_(device_facts(driver, ordinal)) {
  check(driver_.cuDeviceGet(&number_, ordinal), "finding it");
  // A waiting thread sleeps. Where the context is in use already, it stays as it is.
  driver_.cuDevicePrimaryCtxSetFlags_v2(number_, kBlockingSync);
  check(driver_.cuDevicePrimaryCtxRetain(&context_, number_), "making a context");
  try {
    enter();
    load_image();
    find_kernels();
  } catch (...) {
    if (module_ != nullptr) driver_.cuModuleUnload(module_);
    driver_.cuCtxSetCurrent(nullptr);
    driver_.cuDevicePrimaryCtxRelease_v2(number_);
    throw;
  }
}

void Device::enter() const { check(driver_.cuCtxSetCurrent(context_), "entering its context"); }

uint64_t Device::free_memory() const {
  size_t free = 0, total = 0;
  check(driver_.cuMemGetInfo_v2(&free, &total), "its free memory");
  return free;
}

void Device::check(Result result, const char* doing) const {
  check_result(driver_, facts_.ordinal, result, doing);
}

JobError Device::error(const char* code, const std::string& what) const {
  return error_of(facts_.ordinal, code, what);
}

void Device::load_image() {
  for (const Image& image : images_for(facts_.capability)) {
    const std::string name =
        (image.ptx ? "PTX of sm_" : "sm_") + std::to_string(image.architecture);
    const Result result = driver_.cuModuleLoadData(&module_, image.words);
    if (result == kSuccess) {
      image_ = name;
      return;
    }
    // No image would fit then, and a better one may when there is memory.
    if (result == kOutOfMemory) check(result, "loading the kernels");
    if (!passed_over_.empty()) passed_over_ += "; ";
    passed_over_ += name + ": " + describe_result(driver_, result);
  }
  const std::string capability =
      std::to_string(facts_.capability / 10) + "." + std::to_string(facts_.capability % 10);
  const std::string why = passed_over_.empty() ? "8.0 is the least" : passed_over_;
  throw error("DEVICE", "no image fits " + facts_.name + " of compute capability " + capability +
                            " (" + why + ")");
}

void Device::find_kernels() {
  const auto find = [&](Handle& kernel, const std::string& name) {
    check(driver_.cuModuleGetFunction(&kernel, module_, name.c_str()), name.c_str());
  };
#define FUSED(name, Launch) \
  for (int i = 0; i < 3; ++i) find(kernels_.name[i], std::string(#name) + kCodecNames[i]);
#define PLAIN(name, Launch) find(kernels_.name, #name);
#define CONVERT(name, Launch) \
  for (int i = 0; i < 5; ++i) find(kernels_.name[i], std::string(#name) + kCodecNames[i]);
#include "table.def"
}

void Device::launch_raw(Handle kernel, uint64_t blocks, Handle stream,
                        const void* arguments) const {
  void* list[] = {const_cast<void*>(arguments)};
  check(driver_.cuLaunchKernel(kernel, static_cast<unsigned>(blocks), 1, 1, kThreads, 1, 1, 0,
                               stream, list, nullptr),
        "starting a kernel");
}

uint64_t Device::walk_blocks(uint64_t n) const {
  constexpr uint64_t each = uint64_t{8} * kThreads;
  const auto most = static_cast<uint64_t>(std::max(facts_.processors, 1)) * 16;
  return std::min((n + each - 1) / each, most);
}

uint64_t Device::few_blocks(uint64_t n) const {
  return std::min(walk_blocks(n), static_cast<uint64_t>(std::max(facts_.processors, 1)) * 2);
}

}  // namespace weightloom::cuda
