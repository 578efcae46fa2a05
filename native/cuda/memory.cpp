#include "memory.h"

namespace weightloom::cuda {
namespace {

uint64_t rounded(uint64_t bytes) {
  constexpr uint64_t unit = DeviceMemory::kUnit;
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

DeviceMemory::~DeviceMemory() {
  try {
    device_.enter();
  } catch (const JobError&) {
    return;
  }
  free_kept();
}

DevicePointer DeviceMemory::take(uint64_t bytes) {
  const uint64_t size = rounded(bytes);
  if (const DevicePointer pointer = find_kept(size)) return pointer;
  if (!reserve(size)) {
    free_kept();
    if (!reserve(size)) return 0;
  }
  const DevicePointer pointer = allocate(size);
  if (pointer == 0) release(size);
  return pointer;
}

DevicePointer DeviceMemory::find_kept(uint64_t size) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(size);
  if (found == kept_.end()) return 0;
  const DevicePointer pointer = found->second;
  kept_.erase(found);
  return pointer;
}

bool DeviceMemory::reserve(uint64_t size) {
  const std::lock_guard lock(mutex_);
  if (taken_ + size > for_tensors_) return false;
  taken_ += size;
  return true;
}

void DeviceMemory::release(uint64_t size) {
  const std::lock_guard lock(mutex_);
  taken_ -= size;
}

DevicePointer DeviceMemory::take_lane(uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (bytes > for_lanes_) return 0;
    for_lanes_ -= bytes;
  }
  const DevicePointer pointer = allocate(bytes);
  if (pointer != 0) return pointer;
  const std::lock_guard lock(mutex_);
  for_lanes_ += bytes;
  return 0;
}

void DeviceMemory::give_lane(DevicePointer pointer, uint64_t bytes) {
  device_.driver().cuMemFree_v2(pointer);
  const std::lock_guard lock(mutex_);
  for_lanes_ += bytes;
}

// 0 when the GPU has no room, even without what is kept. Other errors end the job.
DevicePointer DeviceMemory::allocate(uint64_t bytes) {
  DevicePointer pointer = 0;
  Result result = device_.driver().cuMemAlloc_v2(&pointer, bytes);
  if (result == kOutOfMemory && free_kept()) {
    result = device_.driver().cuMemAlloc_v2(&pointer, bytes);
  }
  if (result == kOutOfMemory) return 0;
  device_.check(result, "allocating memory");
  return pointer;
}

void DeviceMemory::give(DevicePointer pointer, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  kept_.emplace(rounded(bytes), pointer);
}

// Whether there was anything.
bool DeviceMemory::free_kept() {
  std::multimap<uint64_t, DevicePointer> kept;
  {
    const std::lock_guard lock(mutex_);
    kept.swap(kept_);
  }
  for (const auto& [size, pointer] : kept) {
    device_.driver().cuMemFree_v2(pointer);
    release(size);
  }
  return !kept.empty();
}

}  // namespace weightloom::cuda
