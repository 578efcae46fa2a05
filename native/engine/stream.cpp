#include "stream.h"

#include <cstring>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#endif

namespace weightloom {

#if defined(__SSE2__) || defined(_M_X64)

// Whole lines of 64 bytes are streamed; what is left at both ends is stored.
void stream_out(uint8_t* to, const uint8_t* from, size_t n) {
  const size_t odd = (64 - reinterpret_cast<uintptr_t>(to) % 64) % 64;
  const size_t head = odd < n ? odd : n;
  std::memcpy(to, from, head);
  size_t at = head;
  for (; at + 64 <= n; at += 64) {
    const auto* in = reinterpret_cast<const __m128i*>(from + at);
    auto* out = reinterpret_cast<__m128i*>(to + at);
    for (int i = 0; i < 4; ++i) _mm_stream_si128(out + i, _mm_loadu_si128(in + i));
  }
  std::memcpy(to + at, from + at, n - at);
}

void end_streams() { _mm_sfence(); }

#else

void stream_out(uint8_t* to, const uint8_t* from, size_t n) { std::memcpy(to, from, n); }

void end_streams() {}

#endif

}  // namespace weightloom
