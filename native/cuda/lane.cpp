#include "lane.h"

namespace weightloom::cuda {

Lane::Lane(const Device& device, DeviceMemory& memory, uint64_t bytes)
    : device_(device), memory_(memory), bytes_(bytes) {
  const Driver& driver = device_.driver();
  room_ = memory_.take_lane(bytes_);
  if (room_ == 0) throw device_.error("DEVICE_MEMORY", "no memory for a chunk of a tensor");
  void* host = nullptr;
  Result result = driver.cuMemHostAlloc(&host, bytes_, 0);
  host_ = static_cast<uint8_t*>(host);
  if (result == kSuccess) result = driver.cuStreamCreate(&stream_, 1);
  if (result == kSuccess) return;
  if (host_ != nullptr) driver.cuMemFreeHost(host_);
  memory_.give_lane(room_, bytes_);
  device_.check(result, "making a stream with pinned memory");
}

Lane::~Lane() {
  const Driver& driver = device_.driver();
  try {
    device_.enter();
  } catch (const JobError&) {
    return;
  }
  driver.cuStreamSynchronize(stream_);
  driver.cuStreamDestroy_v2(stream_);
  driver.cuMemFreeHost(host_);
  memory_.give_lane(room_, bytes_);
}

uint8_t* Lane::host(uint64_t bytes) {
  const uint64_t at = host_used_;
  host_used_ += padded(bytes);
  if (host_used_ > bytes_) throw JobError{"INTERNAL", "a chunk is larger than its lane (host)"};
  return host_ + at;
}

DevicePointer Lane::room(uint64_t bytes) {
  const uint64_t at = device_used_;
  device_used_ += padded(bytes);
  if (device_used_ > bytes_) throw JobError{"INTERNAL", "a chunk is larger than its lane"};
  return room_ + at;
}

void Lane::upload(void* to, const void* from, uint64_t bytes) {
  if (bytes == 0) return;
  const auto at = reinterpret_cast<DevicePointer>(to);
  device_.check(device_.driver().cuMemcpyHtoDAsync_v2(at, from, bytes, stream_),
                "copying to the device");
}

void Lane::download(void* to, const void* from, uint64_t bytes) {
  if (bytes == 0) return;
  const auto at = reinterpret_cast<DevicePointer>(from);
  device_.check(device_.driver().cuMemcpyDtoHAsync_v2(to, at, bytes, stream_),
                "copying from the device");
}

void Lane::clear(void* to, uint64_t bytes) {
  if (bytes == 0) return;
  const auto at = reinterpret_cast<DevicePointer>(to);
  device_.check(device_.driver().cuMemsetD8Async(at, 0, bytes, stream_), "clearing memory");
}

void Lane::finish() {
  device_.check(device_.driver().cuStreamSynchronize(stream_), "waiting for a kernel");
}

void Lane::drain() { device_.driver().cuStreamSynchronize(stream_); }

bool Lanes::enter() {
  if (inside_ >= most_) return false;
  ++inside_;
  return true;
}

Lane* Lanes::borrow() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!idle_.empty()) {
      Lane* const lane = idle_.back();
      idle_.pop_back();
      lane->reset();
      return lane;
    }
    if (lanes_.size() < most_) {
      if (Lane* const lane = grow()) return lane;
    }
    returned_.wait(lock);
  }
}

// With the lock held. Null when there is no room for more lanes than there are.
Lane* Lanes::grow() {
  try {
    lanes_.push_back(std::make_unique<Lane>(device_, memory_, bytes_));
    return lanes_.back().get();
  } catch (const JobError& error) {
    if (error.code != "DEVICE_MEMORY" || lanes_.empty()) throw;
    most_ = lanes_.size();
    return nullptr;
  }
}

void Lanes::give_back(Lane* lane) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(lane);
  returned_.notify_one();
}

}  // namespace weightloom::cuda
