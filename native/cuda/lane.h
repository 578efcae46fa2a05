// A lane is what one chunk of a tensor needs on its way through a GPU: a stream, pinned memory of
// the host and memory of the device, of one fixed size each. Threads borrow lanes, so that one
// reads a file while another's bytes are copied up, a third's are computed with, and a fourth's are
// copied down and written.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "../engine/operations/operation.h"
#include "memory.h"

namespace weightloom::cuda {

class Lane {
 public:
  // Throws JobError DEVICE_MEMORY when there is no room.
  Lane(const Device& device, DeviceMemory& memory, uint64_t bytes);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  const Device& device() const { return device_; }
  Handle stream() const { return stream_; }

  // Room until the lane is borrowed again, on 256 bytes.
  uint8_t* host(uint64_t bytes);
  DevicePointer room(uint64_t bytes);
  template <class T>
  T* room_for(uint64_t count) {
    return reinterpret_cast<T*>(room(count * sizeof(T)));
  }
  void reset() { host_used_ = device_used_ = 0; }

  void upload(void* to, const void* from, uint64_t bytes);
  void download(void* to, const void* from, uint64_t bytes);
  void clear(void* to, uint64_t bytes);
  // Waits for everything that was asked of the stream.
  void finish();
  // The same where an error is on its way already.
  void drain();

  // A small array for the kernels: copied through pinned memory.
  template <class T>
  T* upload_array(const T* from, uint64_t count) {
    auto* staged = reinterpret_cast<T*>(host(count * sizeof(T)));
    std::copy(from, from + count, staged);
    T* to = room_for<T>(count);
    upload(to, staged, count * sizeof(T));
    return to;
  }

  // What an array takes of a lane.
  static constexpr uint64_t kAlignment = 256;
  static uint64_t padded(uint64_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }

 private:
  const Device& device_;
  DeviceMemory& memory_;
  uint64_t bytes_;
  Handle stream_ = nullptr;
  uint8_t* host_ = nullptr;
  DevicePointer room_ = 0;
  uint64_t host_used_ = 0, device_used_ = 0;
};

// At most so many lanes, made when they are first needed; fewer when memory does not suffice. As a
// gate it lets in a claim for each lane, so that whoever was let in finds one that is idle.
class Lanes : public Gate {
 public:
  Lanes(const Device& device, DeviceMemory& memory, size_t most, uint64_t bytes)
      : device_(device), memory_(memory), most_(most), bytes_(bytes) {}

  uint64_t bytes() const { return bytes_; }
  const Device& device() const { return device_; }

  bool enter() override;
  void leave() override { --inside_; }

  class Borrowed {
   public:
    explicit Borrowed(Lanes& lanes) : lanes_(lanes), lane_(lanes.borrow()) {}
    ~Borrowed() { lanes_.give_back(lane_); }
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;
    Lane& operator*() const { return *lane_; }

   private:
    Lanes& lanes_;
    Lane* lane_;
  };

 private:
  Lane* borrow();
  Lane* grow();
  void give_back(Lane* lane);

  const Device& device_;
  DeviceMemory& memory_;
  std::atomic<size_t> most_;
  uint64_t bytes_;
  size_t inside_ = 0;  // under the job's lock
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<Lane*> idle_;
};

}  // namespace weightloom::cuda
