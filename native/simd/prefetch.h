// Asks for the line of memory that lies a page after `p`, into the second cache. The processor goes
// ahead by itself only up to the end of a page, and files lie in pages of 4 KiB: at the beginning
// of each, a kernel would wait for the translation of its address and for its first lines. The
// address may be anything: what cannot be read is not asked for. On a GPU it does nothing.
#pragma once

#include <cstdint>

#include "anywhere.h"

#if defined(_MSC_VER) && !defined(__clang__) && defined(_M_X64)
#include <immintrin.h>
#endif

namespace {

constexpr uintptr_t kPageAhead = 4096;

ANYWHERE inline void fetch_page_ahead(const void* p) {
  [[maybe_unused]] const auto* ahead =
      reinterpret_cast<const char*>(reinterpret_cast<uintptr_t>(p) + kPageAhead);
#if defined(__CUDACC__)
#elif defined(__GNUC__)
  __builtin_prefetch(ahead, 0, 2);
#elif defined(_M_X64)
  _mm_prefetch(ahead, _MM_HINT_T1);
#endif
}

}  // namespace
