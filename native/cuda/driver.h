// The CUDA driver's library, loaded when it is first asked for: nothing of CUDA is needed to build
// the addon or to run it where there is no GPU. Only what is used here is declared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace weightloom::cuda {

using Result = int;  // CUresult
using DevicePointer = uint64_t;
using DeviceNumber = int;
using Handle = void*;  // contexts, modules, functions, streams

constexpr Result kSuccess = 0;
constexpr Result kOutOfMemory = 2;

// name in the library, result, parameters; the _v2 forms are those of every driver since CUDA 4.
#define WEIGHTLOOM_DRIVER(CALL)                                                                 \
  CALL(cuInit, (unsigned flags))                                                                \
  CALL(cuDriverGetVersion, (int* version))                                                      \
  CALL(cuDeviceGetCount, (int* count))                                                          \
  CALL(cuDeviceGet, (DeviceNumber * device, int ordinal))                                       \
  CALL(cuDeviceGetName, (char* name, int length, DeviceNumber device))                          \
  CALL(cuDeviceGetAttribute, (int* value, int attribute, DeviceNumber device))                  \
  CALL(cuDeviceTotalMem_v2, (size_t * bytes, DeviceNumber device))                              \
  CALL(cuDevicePrimaryCtxSetFlags_v2, (DeviceNumber device, unsigned flags))                    \
  CALL(cuDevicePrimaryCtxRetain, (Handle * context, DeviceNumber device))                       \
  CALL(cuDevicePrimaryCtxRelease_v2, (DeviceNumber device))                                     \
  CALL(cuCtxGetCurrent, (Handle * context))                                                     \
  CALL(cuCtxSetCurrent, (Handle context))                                                       \
  CALL(cuMemGetInfo_v2, (size_t * free, size_t * total))                                        \
  CALL(cuModuleLoadData, (Handle * module, const void* image))                                  \
  CALL(cuModuleUnload, (Handle module))                                                         \
  CALL(cuModuleGetFunction, (Handle * function, Handle module, const char* name))               \
  CALL(cuMemAlloc_v2, (DevicePointer * pointer, size_t bytes))                                  \
  CALL(cuMemFree_v2, (DevicePointer pointer))                                                   \
  CALL(cuMemHostAlloc, (void** pointer, size_t bytes, unsigned flags))                          \
  CALL(cuMemFreeHost, (void* pointer))                                                          \
  CALL(cuMemcpyHtoDAsync_v2, (DevicePointer to, const void* from, size_t bytes, Handle stream)) \
  CALL(cuMemcpyDtoHAsync_v2, (void* to, DevicePointer from, size_t bytes, Handle stream))       \
  CALL(cuMemsetD8Async, (DevicePointer to, unsigned char value, size_t bytes, Handle stream))   \
  CALL(cuStreamCreate, (Handle * stream, unsigned flags))                                       \
  CALL(cuStreamSynchronize, (Handle stream))                                                    \
  CALL(cuStreamDestroy_v2, (Handle stream))                                                     \
  CALL(cuLaunchKernel, (Handle function, unsigned grid_x, unsigned grid_y, unsigned grid_z,     \
                        unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,  \
                        Handle stream, void** arguments, void** extra))                         \
  CALL(cuGetErrorName, (Result code, const char** name))                                        \
  CALL(cuGetErrorString, (Result code, const char** text))

#if defined(_WIN32)
#define WEIGHTLOOM_CUDA_CALL __stdcall
#else
#define WEIGHTLOOM_CUDA_CALL
#endif

struct Driver {
#define CALL(name, parameters) Result(WEIGHTLOOM_CUDA_CALL* name) parameters = nullptr;
  WEIGHTLOOM_DRIVER(CALL)
#undef CALL
  int version = 0;  // 1000 * major + 10 * minor
};

// The oldest version that is asked for its work: CUDA 11.7, driver 515. What is older has no name
// for arguments that stay in constant memory.
constexpr int kOldestDriver = 11070;

// `driver` is null when there is none that can be used, and `reason` says why. `library` is what
// was loaded or looked for: WEIGHTLOOM_CUDA_DRIVER where it is set.
struct FoundDriver {
  const Driver* driver = nullptr;
  std::string library;
  int version = 0;
  std::string reason;
};

// Tried once for each process.
const FoundDriver& find_driver();

// "CUDA_ERROR_OUT_OF_MEMORY: out of memory", or the number.
std::string describe_result(const Driver& driver, Result result);

}  // namespace weightloom::cuda
