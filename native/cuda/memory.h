// Memory of one GPU that a job may take, with a bound that holds: everything is taken from here.
// What is given back is kept for the next step that wants as much, as freeing waits for the GPU. No
// lock is held over a call of the driver that may wait.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "device.h"

namespace weightloom::cuda {

class DeviceMemory {
 public:
  // What drivers take physical memory in: with all sizes multiples of it nothing is taken beside.
  static constexpr uint64_t kUnit = uint64_t{2} << 20;

  // for_lanes: how much of the bound is set aside for them, so that no tensor takes it.
  DeviceMemory(const Device& device, uint64_t bound, uint64_t for_lanes)
      : device_(device), for_tensors_(bound - for_lanes), for_lanes_(for_lanes) {}
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  // For a tensor: 0 when the bound or the GPU does not allow it. The context must be the GPU's.
  DevicePointer take(uint64_t bytes);
  void give(DevicePointer pointer, uint64_t bytes);
  // The same for a lane; what is given back is freed at once.
  DevicePointer take_lane(uint64_t bytes);
  void give_lane(DevicePointer pointer, uint64_t bytes);

 private:
  DevicePointer find_kept(uint64_t size);
  bool reserve(uint64_t size);
  void release(uint64_t size);
  DevicePointer allocate(uint64_t bytes);
  bool free_kept();

  const Device& device_;
  uint64_t for_tensors_, for_lanes_;
  std::mutex mutex_;
  uint64_t taken_ = 0;  // with what is kept
  std::multimap<uint64_t, DevicePointer> kept_;
};

}  // namespace weightloom::cuda
