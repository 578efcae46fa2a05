// The random numbers that mergekit draws on one CPU: MT19937 (Matsumoto and Nishimura 1998) as
// torch's default generator seeds it, one 32-bit output for each element, tensors in name order.
//
// The stream is sequential by nature. A step takes its part when its turn comes, only as far as the
// generator's state at the start of every block; the blocks then draw their own numbers in
// parallel.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace weightloom {

class Mt19937 {
 public:
  explicit Mt19937(uint32_t seed = 0);

  // Writes the next n outputs.
  void draw(uint32_t* out, size_t n);
  void skip(uint64_t n);

 private:
  void refill();

  uint32_t state_[624];
  uint32_t at_ = 624;
};

class TorchStream {
 public:
  // The state at the start of each of `blocks` parts of `n` draws (the last part may be shorter),
  // of `count` draws that begin at `offset` in the stream. Waits until all before them were taken.
  std::vector<Mt19937> take(uint32_t seed, uint64_t offset, uint64_t count, uint64_t n);
  // Wakes and empties whoever waits, for good.
  void stop();

 private:
  std::mutex mutex_;
  std::condition_variable moved_;
  bool started_ = false;
  bool stopped_ = false;
  uint64_t position_ = 0;
  Mt19937 generator_;
};

}  // namespace weightloom
