// What the passes of kernels.cpp work on: bf16 arrays in the memory of a GPU, a base and two models
// that were trained on from it, and one for results; and beside them, for each stream, what a chunk
// of a merge has in its lane. The host has one piece of each array, which repeats on the device, so
// that filling hundreds of megabytes is a matter of copies and any range can be had here too.
#pragma once

#include <memory>
#include <vector>

#include "../../native/cuda/lane.h"
#include "../../native/engine/block.h"

namespace weightloom_bench {

using namespace weightloom;

constexpr int kBf16 = 2;  // codec
constexpr size_t kInputs = 3;
constexpr size_t kTuned = 2;
constexpr uint64_t kLaneBytes = uint64_t{32} << 20;  // of a merge whose bound suffices

// Where the arrays of a range lie: on the device, or on the host to be compared with.
struct View {
  const void* inputs[kInputs];
  void* out;
  uint32_t* keys;
  uint64_t* masks[kTuned];
  uint32_t* counts[kTuned];  // of a sweep, with how many keys are above it
  uint64_t* above[kTuned];
  double* sums[kTuned];
  Nonfinite* seen;
  uint64_t n;
};

// A stream, and what the kernels of its chunks are given beside the arrays.
class Room {
 public:
  // For chunks of at most so many elements.
  Room(const cuda::Device& device, cuda::DeviceMemory& memory, uint64_t most);
  // Zeros for everything that kernels add to.
  void clear();

  cuda::Lane lane;
  View view{};
};

class Arrays {
 public:
  // Throws JobError DEVICE_MEMORY where they do not fit. `bytes`: of each, a multiple of 1 MiB.
  Arrays(const cuda::Device& device, uint64_t bytes, size_t streams, uint64_t most);

  const cuda::Device& device() const { return device_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t elements() const { return bytes_ / 2; }
  uint64_t blocks() const { return elements() / kBlock; }
  size_t streams() const { return rooms_.size(); }
  Room& room(size_t i) { return *rooms_[i]; }
  void finish();

  // The range on the device, with the arrays of a stream's room.
  View on_device(const Range& range, const Room& room) const;
  // An input's elements of the range.
  std::vector<uint16_t> on_host(size_t input, const Range& range) const;
  cuda::DevicePointer input(size_t i) const { return inputs_[i]; }
  cuda::DevicePointer out() const { return out_; }

  template <class T>
  std::vector<T> fetch(const T* from, uint64_t count) {
    std::vector<T> made(count);
    rooms_[0]->lane.download(made.data(), from, count * sizeof(T));
    rooms_[0]->lane.finish();
    return made;
  }

 private:
  cuda::DevicePointer allocate();
  void make_piece();
  void fill();

  const cuda::Device& device_;
  uint64_t bytes_;
  cuda::DeviceMemory memory_;
  std::vector<std::unique_ptr<Room>> rooms_;
  std::vector<uint16_t> piece_[kInputs];
  cuda::DevicePointer inputs_[kInputs] = {};
  cuda::DevicePointer out_ = 0;
};

// A range of the host with room for its results.
class HostChunk {
 public:
  HostChunk(const Arrays& arrays, const Range& range);
  HostChunk(const HostChunk&) = delete;
  HostChunk& operator=(const HostChunk&) = delete;
  View& view() { return view_; }

 private:
  View view_{};
  std::vector<uint16_t> inputs_[kInputs], out_;
  std::vector<uint32_t> keys_, counts_[kTuned];
  std::vector<uint64_t> masks_[kTuned];
  std::vector<double> sums_[kTuned];
  uint64_t above_[kTuned] = {};
  Nonfinite seen_{};
};

}  // namespace weightloom_bench
