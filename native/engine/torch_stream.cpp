#include "torch_stream.h"

#include <algorithm>

namespace weightloom {

Mt19937::Mt19937(uint32_t seed) {
  state_[0] = seed;
  for (uint32_t i = 1; i < 624; ++i) {
    state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
  }
}

void Mt19937::refill() {
  for (uint32_t i = 0; i < 624; ++i) {
    const uint32_t next = state_[(i + 1) % 624];
    const uint32_t y = (state_[i] & 0x80000000u) | (next & 0x7FFFFFFFu);
    state_[i] = state_[(i + 397) % 624] ^ (y >> 1) ^ ((next & 1u) != 0 ? 0x9908B0DFu : 0u);
  }
  at_ = 0;
}

void Mt19937::draw(uint32_t* out, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    if (at_ == 624) refill();
    uint32_t y = state_[at_++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9D2C5680u;
    y ^= (y << 15) & 0xEFC60000u;
    out[i] = y ^ (y >> 18);
  }
}

void Mt19937::skip(uint64_t n) {
  while (n > 0) {
    if (at_ == 624) refill();
    const uint64_t step = std::min<uint64_t>(n, 624 - at_);
    at_ += static_cast<uint32_t>(step);
    n -= step;
  }
}

std::vector<Mt19937> TorchStream::take(uint32_t seed, uint64_t offset, uint64_t count, uint64_t n) {
  std::unique_lock lock(mutex_);
  if (!started_) generator_ = Mt19937(seed);
  started_ = true;
  moved_.wait(lock, [&] { return stopped_ || position_ == offset; });
  std::vector<Mt19937> states;
  if (stopped_) return states;
  for (uint64_t at = 0; at < count; at += n) {
    states.push_back(generator_);
    generator_.skip(std::min(n, count - at));
  }
  position_ += count;
  moved_.notify_all();
  return states;
}

void TorchStream::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  moved_.notify_all();
}

}  // namespace weightloom
