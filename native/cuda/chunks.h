// A step's tensor in chunks: runs of blocks that fit a lane with everything a kernel needs beside
// them. A chunk has its inputs on the device, decoded to binary32 where dtypes differ, and a place
// for its output; what its kernels report comes back with it.
//
// Steps that go over their inputs more than once leave them on the device where the bound allows:
// the first pass over a chunk copies it up, later ones find it there. Steps whose chunks reach to
// the ends of rows do not, as theirs overlap.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "../engine/block.h"
#include "lane.h"

namespace weightloom::cuda {

// What the passes of a step need beside inputs and output.
struct Needs {
  uint64_t bytes_each = 0;   // of the device, for each element
  uint64_t bytes_fixed = 0;  // of the device and of pinned memory, for each chunk
  uint64_t arrays = 0;       // how many arrays that is
  uint64_t row = 1;          // chunks reach to the ends of their rows, of this many elements
  bool again = false;        // there is more than one pass
};

class Chunk;

class Chunks {
 public:
  Chunks(StepIo& io, Lanes& lanes, DeviceMemory& memory, const Needs& needs);
  ~Chunks();
  Chunks(const Chunks&) = delete;
  Chunks& operator=(const Chunks&) = delete;

  // Whether a chunk of one block fits a lane.
  bool fit() const { return blocks_each_ > 0; }
  uint64_t count() const;
  // Borrows a lane and runs `body` with the chunk, which is copied up as far as it asks.
  void run(uint64_t index, const std::function<void(Chunk&)>& body);

 private:
  friend class Chunk;
  Range range(uint64_t index) const;
  uint64_t kept_bytes(size_t inputs) const;
  void reserve_inputs();

  StepIo& io_;
  Lanes& lanes_;
  DeviceMemory& memory_;
  Needs needs_;
  bool fused_;
  int codec_;  // of the kernels
  uint64_t blocks_each_ = 0;
  std::mutex mutex_;
  bool asked_ = false;          // for room for whole inputs
  DevicePointer kept_ = 0;      // one input after the other, if there is
  std::vector<uint8_t> there_;  // which chunks of them
};

class Chunk {
 public:
  Chunk(Chunks& chunks, uint64_t index, Lane& lane);

  Lane& lane() { return lane_; }
  const Device& device() const { return lane_.device(); }
  // Elements of the output, and of the inputs, which begin earlier and end later where rows do.
  const Range& range() const { return range_; }
  const Range& wide() const { return wide_; }
  // How many elements of wide() come before its first row, so that range() begins at a whole
  // vector.
  uint64_t lead() const { return lead_; }
  // The magnitude from which an encoded result is not finite.
  float limit() const { return io_.limit(); }
  // Codec of inputs and output for the kernels: one that they are fused for.
  int codec() const { return chunks_.codec_; }

  // Copies inputs up, and decodes them where they must be.
  void load_all();
  // An input that was loaded: from that element of wide() on, and from the first one of range().
  const void* from(size_t i, uint64_t element) const;
  const void* own(size_t i) const { return from(i, range_.first - wide_.first); }
  // Where the output of range() is to be built, in codec(), and counters for its kernel.
  void* output() { return built_; }
  Nonfinite* nonfinite() { return seen_; }
  void begin_output();
  // Encodes what was built where it must be, waits for it, hashes, counts and writes it.
  void end_output();
  // Copies an array of results down; it is there after finish().
  template <class T>
  const T* results(const T* from, uint64_t count) {
    auto* to = reinterpret_cast<T*>(lane_.host(count * sizeof(T)));
    lane_.download(to, from, count * sizeof(T));
    return to;
  }
  void finish();

  template <class Launch>
  void walk(Handle kernel, uint64_t n, const Launch& launch) {
    device().launch(kernel, device().walk_blocks(n), lane_.stream(), launch);
  }
  template <class Launch>
  void launch(Handle kernel, uint64_t blocks, const Launch& launch) {
    device().launch(kernel, blocks, lane_.stream(), launch);
  }

 private:
  const void* stored(size_t i);

  Chunks& chunks_;
  StepIo& io_;
  Lane& lane_;
  uint64_t index_;
  Range range_, wide_;
  uint64_t lead_ = 0;
  std::vector<const void*> inputs_;
  void* built_ = nullptr;
  Nonfinite* seen_ = nullptr;
};

}  // namespace weightloom::cuda
