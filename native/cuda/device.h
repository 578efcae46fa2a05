// One GPU: its primary context, the kernels loaded into it, and calls that throw. Made once for
// each process and kept, as the addon itself is.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../engine/wire.h"
#include "driver.h"
#include "launch.h"

namespace weightloom::cuda {

// The kernels of table.def; of a fused one those for F32, F16 and BF16.
struct Kernels {
#define FUSED(name, Launch) Handle name[3] = {};
#define PLAIN(name, Launch) Handle name = nullptr;
#define CONVERT(name, Launch) Handle name[5] = {};
#include "table.def"
};

class Device {
 public:
  // What is known before anything is allocated.
  struct Facts {
    int ordinal = 0;
    std::string name;
    int capability = 0;  // 90 for 9.0
    int processors = 0;
    uint64_t memory = 0;
  };

  // Throws JobError DEVICE when the GPU cannot be used.
  Device(const Driver& driver, int ordinal);

  const Facts& facts() const { return facts_; }
  const Kernels& kernels() const { return kernels_; }
  const Driver& driver() const { return driver_; }
  // "sm_90", or "PTX of sm_80" where the driver compiled; `passed_over` says why no better one.
  const std::string& image() const { return image_; }
  const std::string& passed_over() const { return passed_over_; }

  // Makes this GPU the one that the calling thread's calls mean.
  void enter() const;
  uint64_t free_memory() const;
  // Throws JobError: DEVICE_MEMORY when memory is what lacks, else DEVICE.
  void check(Result result, const char* doing) const;
  // An error that names this GPU.
  JobError error(const char* code, const std::string& what) const;

  template <class Launch>
  void launch(Handle kernel, uint64_t blocks, Handle stream, const Launch& arguments) const {
    static_assert(sizeof(Launch) <= 4096);
    if (blocks > 0) launch_raw(kernel, blocks, stream, &arguments);
  }
  // Blocks of a walk over n elements.
  uint64_t walk_blocks(uint64_t n) const;
  // The same where each block has to add up what is its own in the end.
  uint64_t few_blocks(uint64_t n) const;

 private:
  void load_image();
  void find_kernels();
  void launch_raw(Handle kernel, uint64_t blocks, Handle stream, const void* arguments) const;

  const Driver& driver_;
  Facts facts_;
  DeviceNumber number_ = 0;
  Handle context_ = nullptr;
  Handle module_ = nullptr;
  Kernels kernels_;
  std::string image_, passed_over_;
};

// Whatever context the calling thread has is its own again when this is destroyed, which must
// happen on the same thread.
class KeptContext {
 public:
  explicit KeptContext(const Driver& driver) : driver_(driver) { driver_.cuCtxGetCurrent(&kept_); }
  ~KeptContext() { driver_.cuCtxSetCurrent(kept_); }
  KeptContext(const KeptContext&) = delete;
  KeptContext& operator=(const KeptContext&) = delete;

 private:
  const Driver& driver_;
  Handle kept_ = nullptr;
};

// What a GPU is, without using it. Throws JobError DEVICE.
Device::Facts device_facts(const Driver& driver, int ordinal);
int device_count(const Driver& driver);
// The GPU of this number, made on first use. Throws JobError DEVICE.
Device& device_at(const Driver& driver, int ordinal);

}  // namespace weightloom::cuda
