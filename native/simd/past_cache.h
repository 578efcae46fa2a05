// Stores past the caches, where the architecture has them: for outputs that do not fit into any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if (defined(__SSE2__) || defined(_M_X64)) && !defined(__CUDACC__)
#define STORES_PAST_CACHE
#include <immintrin.h>
#endif

namespace {

// What is stored at once, and where it must lie at a multiple.
constexpr size_t kPastCacheBytes = 16;

#ifdef STORES_PAST_CACHE

constexpr bool kStoresPastCache = true;

inline void store_past_cache(void* to, __m128i bytes) {
  _mm_stream_si128(static_cast<__m128i*>(to), bytes);
}

// From the widest registers that hold them whole: `from` need not be memory then.
template <size_t bytes>
inline void store_past_cache(uint8_t* to, const uint8_t* from) {
#ifdef __AVX512F__
  if constexpr (bytes == 64) {
    const __m512i all = _mm512_loadu_si512(from);
    store_past_cache(to, _mm512_castsi512_si128(all));
    store_past_cache(to + 16, _mm512_extracti32x4_epi32(all, 1));
    store_past_cache(to + 32, _mm512_extracti32x4_epi32(all, 2));
    store_past_cache(to + 48, _mm512_extracti32x4_epi32(all, 3));
    return;
  }
#endif
#ifdef __AVX2__
  if constexpr (bytes == 32) {
    const __m256i all = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    store_past_cache(to, _mm256_castsi256_si128(all));
    store_past_cache(to + 16, _mm256_extracti128_si256(all, 1));
    return;
  }
#endif
  for (size_t i = 0; i < bytes; i += kPastCacheBytes) {
    store_past_cache(to + i, _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i)));
  }
}

// After it other threads see what was stored before.
inline void end_stores_past_cache() { _mm_sfence(); }

#undef STORES_PAST_CACHE
#else

constexpr bool kStoresPastCache = false;

template <size_t bytes>
inline void store_past_cache(uint8_t* to, const uint8_t* from) {
  std::memcpy(to, from, bytes);
}

inline void end_stores_past_cache() {}

#endif

}  // namespace
