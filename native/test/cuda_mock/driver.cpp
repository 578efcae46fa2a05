// A CUDA driver of the host, for tests: the functions that driver.h declares and the one that
// bench/cuda has of its own, with kernels as compiled for the host. Memory of the device is memory
// of the process, of which 2 MiB are charged at a time; a stream does everything at once. What must
// not be done is told on stderr. The environment says what it pretends:
//   WEIGHTLOOM_MOCK_DEVICES      how many GPUs there are; default 1
//   WEIGHTLOOM_MOCK_CAPABILITY   such as 90 (the default)
//   WEIGHTLOOM_MOCK_VERSION      such as 13000 (the default)
//   WEIGHTLOOM_MOCK_MEMORY       bytes of each GPU; default 1 GiB
//   WEIGHTLOOM_MOCK_REFUSE       what of the image is refused: "cubin", "ptx" or "cubin,ptx"
//   WEIGHTLOOM_MOCK_FAIL         "cuLaunchKernel:3:700": the third call ends with error 700; with
//                                ":sticky" after it so does every call from then on
//   WEIGHTLOOM_MOCK_LOG          a file that says for each GPU how many bytes were in use at most,
//                                and how many are
//   WEIGHTLOOM_MOCK_LATE         "1": a stream does nothing before it is waited for
//   WEIGHTLOOM_MOCK_ORDER        kernels.h
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "kernels.h"

#if defined(_WIN32)
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif

namespace {

using weightloom::cuda::HostKernel;

constexpr int kOk = 0, kInvalidValue = 1, kNoMemory = 2, kNoDevice = 100, kNoBinary = 209,
              kBadContext = 201, kBadPtx = 218, kNotFound = 500;

long number(const char* name, long otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtol(text, nullptr, 10);
}

std::string text(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct Memory {
  std::mutex mutex;
  std::map<uint64_t, std::pair<size_t, int>> blocks;  // address: size and GPU
  std::map<int, size_t> used, most;
};

Memory& memory() {
  static auto* const only = new Memory;
  return *only;
}

thread_local int current = -1;

struct Injection {
  std::mutex mutex;
  std::string wanted;
  long calls = 0;
  int broken = kOk;
};

// Whether this call is the one that is to fail, and how.
int injected(const char* call) {
  static auto* const injection = new Injection;
  const std::lock_guard lock(injection->mutex);
  const std::string wanted = text("WEIGHTLOOM_MOCK_FAIL");
  if (wanted != injection->wanted) {
    injection->wanted = wanted;
    injection->calls = 0;
    injection->broken = kOk;
  }
  if (injection->broken != kOk && std::strcmp(call, "cuCtxSetCurrent") != 0) {
    return injection->broken;
  }
  const size_t name = wanted.find(':');
  if (name == std::string::npos || wanted.compare(0, name, call) != 0) return kOk;
  const size_t second = wanted.find(':', name + 1);
  if (++injection->calls != std::strtol(wanted.c_str() + name + 1, nullptr, 10)) return kOk;
  const auto code = static_cast<int>(std::strtol(wanted.c_str() + second + 1, nullptr, 10));
  if (wanted.ends_with(":sticky")) injection->broken = code;
  return code;
}

#define FAILING(call) \
  if (const int failed = injected(#call)) return failed

size_t total_memory() { return static_cast<size_t>(number("WEIGHTLOOM_MOCK_MEMORY", 1L << 30)); }

// What a driver takes for so many bytes.
size_t charged(size_t bytes) {
  constexpr size_t unit = size_t{2} << 20;
  return (bytes + unit - 1) / unit * unit;
}

void log_memory() {
  const std::string path = text("WEIGHTLOOM_MOCK_LOG");
  if (path.empty()) return;
  if (std::FILE* file = std::fopen(path.c_str(), "w")) {
    for (const auto& [device, most] : memory().most) {
      std::fprintf(file, "%d %zu %zu\n", device, most, memory().used[device]);
    }
    std::fclose(file);
  }
}

// A run of device memory that lies within one allocation.
bool holds(uint64_t address, size_t bytes) {
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  auto after = all.blocks.upper_bound(address);
  if (after == all.blocks.begin()) return false;
  --after;
  return after->second.second == current && address + bytes <= after->first + after->second.first;
}

struct Stream {
  std::vector<std::function<void()>> waiting;
};

struct Streams {
  std::mutex mutex;
  std::set<Stream*> all;
};

Streams& streams() {
  static auto* const only = new Streams;
  return *only;
}

// With the lock held.
void run_waiting(Stream& stream) {
  for (const auto& each : stream.waiting) each();
  stream.waiting.clear();
}

int enqueue(void* stream, std::function<void()> work) {
  if (text("WEIGHTLOOM_MOCK_LATE") != "1") {
    work();
    return kOk;
  }
  const std::lock_guard lock(streams().mutex);
  static_cast<Stream*>(stream)->waiting.push_back(std::move(work));
  return kOk;
}

void complain(const char* what) { std::fprintf(stderr, "mock driver: %s\n", what); }

std::map<int, int>& modules() {
  static auto* const only = new std::map<int, int>;
  return *only;
}

// 1: cubin, 2: PTX, in a container of nvcc or as they are; 0: neither.
int kind_of_image(const unsigned char* image) {
  if (std::memcmp(image,
                  "\x7f"
                  "ELF",
                  4) == 0) {
    return 1;
  }
  if (std::memcmp(image, "//", 2) == 0 || std::memcmp(image, ".version", 8) == 0) return 2;
  if (std::memcmp(image, "\x50\xed\x55\xba", 4) != 0) return 0;
  const int kind = image[16] | image[17] << 8;
  return kind == 2 ? 1 : kind == 1 ? 2 : 0;
}

}  // namespace

EXPORT int cuInit(unsigned) {
  FAILING(cuInit);
  return number("WEIGHTLOOM_MOCK_DEVICES", 1) < 0 ? kNoDevice : kOk;
}
EXPORT int cuDriverGetVersion(int* version) {
  *version = static_cast<int>(number("WEIGHTLOOM_MOCK_VERSION", 13000));
  return kOk;
}
EXPORT int cuDeviceGetCount(int* count) {
  FAILING(cuDeviceGetCount);
  *count = static_cast<int>(number("WEIGHTLOOM_MOCK_DEVICES", 1));
  return kOk;
}
EXPORT int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return ordinal < number("WEIGHTLOOM_MOCK_DEVICES", 1) ? kOk : 101;
}
EXPORT int cuDeviceGetName(char* name, int length, int device) {
  std::snprintf(name, static_cast<size_t>(length), "Mock GPU %d", device);
  return kOk;
}
EXPORT int cuDeviceGetAttribute(int* value, int attribute, int) {
  const long capability = number("WEIGHTLOOM_MOCK_CAPABILITY", 90);
  *value = attribute == 75   ? static_cast<int>(capability / 10)
           : attribute == 76 ? static_cast<int>(capability % 10)
                             : 2;
  return kOk;
}
EXPORT int cuDeviceTotalMem_v2(size_t* bytes, int) {
  FAILING(cuDeviceTotalMem_v2);
  *bytes = total_memory();
  return kOk;
}
EXPORT int cuDevicePrimaryCtxSetFlags_v2(int, unsigned) { return kOk; }
EXPORT int cuDevicePrimaryCtxRetain(void** context, int device) {
  FAILING(cuDevicePrimaryCtxRetain);
  *context = reinterpret_cast<void*>(static_cast<uintptr_t>(device) + 1);
  return kOk;
}
EXPORT int cuDevicePrimaryCtxRelease_v2(int device) {
  if (current == device) complain("a context is released that is current");
  if (modules()[device] > 0) complain("a context is released whose module is loaded");
  return kOk;
}
EXPORT int cuCtxGetCurrent(void** context) {
  *context = reinterpret_cast<void*>(static_cast<uintptr_t>(current + 1));
  return kOk;
}
EXPORT int cuCtxSetCurrent(void* context) {
  FAILING(cuCtxSetCurrent);
  current = static_cast<int>(reinterpret_cast<uintptr_t>(context)) - 1;
  return kOk;
}
EXPORT int cuMemGetInfo_v2(size_t* free, size_t* total) {
  FAILING(cuMemGetInfo_v2);
  if (current < 0) return kBadContext;
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  *total = total_memory();
  *free = *total - all.used[current];
  return kOk;
}
EXPORT int cuModuleLoadData(void** module, const void* image) {
  FAILING(cuModuleLoadData);
  if (current < 0) return kBadContext;
  const int kind = kind_of_image(static_cast<const unsigned char*>(image));
  const std::string refused = text("WEIGHTLOOM_MOCK_REFUSE");
  if (kind == 0) return kInvalidValue;
  if (kind == 1 && refused.find("cubin") != std::string::npos) return kNoBinary;
  if (kind == 2 && refused.find("ptx") != std::string::npos) return kBadPtx;
  *module = reinterpret_cast<void*>(uintptr_t{0x1000});
  ++modules()[current];
  return kOk;
}
EXPORT int cuModuleUnload(void*) {
  --modules()[current];
  return kOk;
}
EXPORT int cuModuleGetFunction(void** function, void*, const char* name) {
  FAILING(cuModuleGetFunction);
  const HostKernel* const kernel = weightloom::cuda::find_host_kernel(name);
  *function = const_cast<HostKernel*>(kernel);
  return kernel == nullptr ? kNotFound : kOk;
}
EXPORT int cuMemAlloc_v2(uint64_t* pointer, size_t bytes) {
  FAILING(cuMemAlloc_v2);
  if (current < 0) return kBadContext;
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  if (all.used[current] + charged(bytes) > total_memory()) return kNoMemory;
  void* const made = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (made == nullptr) return kNoMemory;
  std::memset(made, 0xA5, bytes);  // nobody may count on zeros
  *pointer = reinterpret_cast<uint64_t>(made);
  all.blocks[*pointer] = {bytes, current};
  all.used[current] += charged(bytes);
  all.most[current] = std::max(all.most[current], all.used[current]);
  log_memory();
  return kOk;
}
EXPORT int cuMemFree_v2(uint64_t pointer) {
  {
    const std::lock_guard lock(streams().mutex);
    for (Stream* stream : streams().all) run_waiting(*stream);
  }
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  const auto found = all.blocks.find(pointer);
  if (found == all.blocks.end()) return kInvalidValue;
  all.used[found->second.second] -= charged(found->second.first);
  all.blocks.erase(found);
  std::free(reinterpret_cast<void*>(pointer));
  log_memory();
  return kOk;
}
EXPORT int cuMemHostAlloc(void** pointer, size_t bytes, unsigned) {
  FAILING(cuMemHostAlloc);
  *pointer = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  return *pointer == nullptr ? kNoMemory : kOk;
}
EXPORT int cuMemFreeHost(void* pointer) {
  std::free(pointer);
  return kOk;
}
EXPORT int cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t bytes, void* stream) {
  FAILING(cuMemcpyHtoDAsync_v2);
  if (!holds(to, bytes)) return kInvalidValue;
  return enqueue(stream, [=] { std::memcpy(reinterpret_cast<void*>(to), from, bytes); });
}
EXPORT int cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t bytes, void* stream) {
  FAILING(cuMemcpyDtoHAsync_v2);
  if (!holds(from, bytes)) return kInvalidValue;
  return enqueue(stream, [=] { std::memcpy(to, reinterpret_cast<const void*>(from), bytes); });
}
EXPORT int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void* stream) {
  FAILING(cuMemcpyDtoDAsync_v2);
  if (!holds(from, bytes) || !holds(to, bytes)) return kInvalidValue;
  return enqueue(stream, [=] {
    std::memcpy(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
  });
}
EXPORT int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void* stream) {
  FAILING(cuMemsetD8Async);
  if (!holds(to, bytes)) return kInvalidValue;
  return enqueue(stream, [=] { std::memset(reinterpret_cast<void*>(to), value, bytes); });
}
EXPORT int cuStreamCreate(void** stream, unsigned) {
  FAILING(cuStreamCreate);
  auto* const made = new Stream;
  const std::lock_guard lock(streams().mutex);
  streams().all.insert(made);
  *stream = made;
  return kOk;
}
EXPORT int cuStreamSynchronize(void* stream) {
  FAILING(cuStreamSynchronize);
  const std::lock_guard lock(streams().mutex);
  run_waiting(*static_cast<Stream*>(stream));
  return kOk;
}
EXPORT int cuStreamDestroy_v2(void* stream) {
  const std::lock_guard lock(streams().mutex);
  auto* const ended = static_cast<Stream*>(stream);
  run_waiting(*ended);
  streams().all.erase(ended);
  delete ended;
  return kOk;
}
EXPORT int cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                          unsigned block_x, unsigned block_y, unsigned block_z, unsigned,
                          void* stream, void** arguments, void**) {
  FAILING(cuLaunchKernel);
  if (current < 0) return kBadContext;
  if (grid_x == 0 || grid_y != 1 || grid_z != 1 || block_y != 1 || block_z != 1 || block_x > 1024) {
    return kInvalidValue;
  }
  const auto* const kernel = static_cast<const HostKernel*>(function);
  const auto* const given = static_cast<const unsigned char*>(arguments[0]);
  // As the driver does, since the caller's may be gone when the kernel runs.
  std::vector<std::max_align_t> argument(kernel->size / sizeof(std::max_align_t) + 1);
  std::memcpy(argument.data(), given, kernel->size);
  return enqueue(stream,
                 [=] { weightloom::cuda::run_grid(*kernel, grid_x, block_x, argument.data()); });
}
EXPORT int cuGetErrorName(int code, const char** name) {
  switch (code) {
    case kNoMemory:
      *name = "CUDA_ERROR_OUT_OF_MEMORY";
      return kOk;
    case kNoDevice:
      *name = "CUDA_ERROR_NO_DEVICE";
      return kOk;
    case kNoBinary:
      *name = "CUDA_ERROR_NO_BINARY_FOR_GPU";
      return kOk;
    case kBadPtx:
      *name = "CUDA_ERROR_INVALID_PTX";
      return kOk;
    case 700:
      *name = "CUDA_ERROR_ILLEGAL_ADDRESS";
      return kOk;
    default:
      *name = "CUDA_ERROR_UNKNOWN";
      return kOk;
  }
}
EXPORT int cuGetErrorString(int code, const char** text) {
  *text = code == kNoMemory ? "out of memory" : "as the mock was told";
  return kOk;
}
