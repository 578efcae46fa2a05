// Structured values out of the bytes that a fuzzer gives; zeros when they are used up. A fuzzer
// reports a finding by `insist`, which ends the process.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace weightloom_fuzz {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : at_(data), left_(size) {}

  template <class T>
  T take() {
    T value{};
    const size_t bytes = left_ < sizeof(T) ? left_ : sizeof(T);
    if (bytes > 0) std::memcpy(&value, at_, bytes);
    at_ += bytes;
    left_ -= bytes;
    return value;
  }
  uint64_t below(uint64_t limit) { return take<uint32_t>() % limit; }
  size_t left() const { return left_; }
  // `count` elements; the bytes that are left are repeated when they do not suffice.
  template <class T>
  std::vector<T> many(size_t count) {
    std::vector<T> out(count);
    auto* to = reinterpret_cast<uint8_t*>(out.data());
    const size_t bytes = count * sizeof(T);
    for (size_t i = 0; i < bytes && left_ > 0; ++i) to[i] = at_[i % left_];
    const size_t used = bytes < left_ ? bytes : left_;
    at_ += used;
    left_ -= used;
    return out;
  }

 private:
  const uint8_t* at_;
  size_t left_;
};

inline void insist(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "FOUND: %s\n", what);
  std::abort();
}

}  // namespace weightloom_fuzz
