#include "stream.h"

#include <cstring>

#include "../simd/past_cache.h"

namespace weightloom {

// Whole lines of 64 bytes are streamed; what is left at both ends is stored.
void stream_out(uint8_t* to, const uint8_t* from, size_t n) {
  if constexpr (!kStoresPastCache) {
    std::memcpy(to, from, n);
    return;
  }
  const size_t odd = (64 - reinterpret_cast<uintptr_t>(to) % 64) % 64;
  const size_t head = odd < n ? odd : n;
  std::memcpy(to, from, head);
  size_t at = head;
  for (; at + 64 <= n; at += 64) store_past_cache<64>(to + at, from + at);
  std::memcpy(to + at, from + at, n - at);
}

void end_streams() { end_stores_past_cache(); }

}  // namespace weightloom
