// Copies to memory that will not be read soon: past the caches where the processor can, so that the
// old content of the destination is not read first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) || defined(_M_X64)
#include <emmintrin.h>
#endif

namespace weightloom {

#if defined(__x86_64__) || defined(_M_X64)
inline void stream_copy(uint8_t* to, const uint8_t* from, size_t bytes) {
  constexpr size_t line = 64;
  const size_t head = (line - reinterpret_cast<uintptr_t>(to) % line) % line;
  if (bytes < head + line) {
    std::memcpy(to, from, bytes);
    return;
  }
  std::memcpy(to, from, head);
  size_t at = head;
  for (; at + line <= bytes; at += line) {
    for (size_t k = 0; k < line; k += 16) {
      const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at + k));
      _mm_stream_si128(reinterpret_cast<__m128i*>(to + at + k), part);
    }
  }
  _mm_sfence();
  std::memcpy(to + at, from + at, bytes - at);
}
#else
inline void stream_copy(uint8_t* to, const uint8_t* from, size_t bytes) {
  std::memcpy(to, from, bytes);
}
#endif

}  // namespace weightloom
