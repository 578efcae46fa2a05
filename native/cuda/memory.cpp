#include "memory.h"

namespace weightloom::cuda {

DeviceMemory::~DeviceMemory() {
  try {
    device_.enter();
  } catch (const JobError&) {
    return;
  }
  free_kept();
}

uint64_t DeviceMemory::rounded(uint64_t bytes) {
  constexpr uint64_t unit = uint64_t{1} << 16;
  return (bytes + unit - 1) / unit * unit;
}

DevicePointer DeviceMemory::take(uint64_t bytes) {
  const uint64_t size = rounded(bytes);
  const std::lock_guard lock(mutex_);
  if (const auto found = kept_.find(size); found != kept_.end()) {
    const DevicePointer pointer = found->second;
    kept_.erase(found);
    return pointer;
  }
  if (taken_ + size > for_tensors_) free_kept();
  if (taken_ + size > for_tensors_) return 0;
  const DevicePointer pointer = allocate(size);
  if (pointer != 0) taken_ += size;
  return pointer;
}

DevicePointer DeviceMemory::take_lane(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > for_lanes_) return 0;
  const DevicePointer pointer = allocate(bytes);
  if (pointer != 0) for_lanes_ -= bytes;
  return pointer;
}

void DeviceMemory::give_lane(DevicePointer pointer, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  device_.driver().cuMemFree_v2(pointer);
  for_lanes_ += bytes;
}

// 0 when the GPU has no room.
DevicePointer DeviceMemory::allocate(uint64_t bytes) {
  DevicePointer pointer = 0;
  const Result result = device_.driver().cuMemAlloc_v2(&pointer, bytes);
  if (result == kOutOfMemory) return 0;
  device_.check(result, "allocating memory");
  return pointer;
}

void DeviceMemory::give(DevicePointer pointer, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  kept_.emplace(rounded(bytes), pointer);
}

// With the lock held, or at the end.
void DeviceMemory::free_kept() {
  for (const auto& [size, pointer] : kept_) {
    device_.driver().cuMemFree_v2(pointer);
    taken_ -= size;
  }
  kept_.clear();
}

}  // namespace weightloom::cuda
