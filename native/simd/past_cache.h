// Stores of whole lines of 64 bytes past the caches, where the architecture has them.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#endif

namespace {

#if defined(__SSE2__) || defined(_M_X64)

constexpr bool kStoresPastCache = true;

// `to` lies on a line.
inline void store_line_past_cache(uint8_t* to, const uint8_t* from) {
  const auto* in = reinterpret_cast<const __m128i*>(from);
  auto* out = reinterpret_cast<__m128i*>(to);
  for (int i = 0; i < 4; ++i) _mm_stream_si128(out + i, _mm_loadu_si128(in + i));
}

// After it other threads see what was stored before.
inline void end_stores_past_cache() { _mm_sfence(); }

#else

constexpr bool kStoresPastCache = false;

inline void store_line_past_cache(uint8_t* to, const uint8_t* from) { std::memcpy(to, from, 64); }

inline void end_stores_past_cache() {}

#endif

}  // namespace
