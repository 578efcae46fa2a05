// Walks n elements in steps of V::lanes. The body is called with a position: `All` for a full step,
// `Some` for the rest. Both load and store through a codec; `Some` pads with zero bytes on loading
// and writes only the live elements, so a body is written once and never sees a tail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../codecs/codecs.h"
#include "../simd/contract.h"
#include "../simd/pair.h"
#include "../simd/prefetch.h"

namespace {

template <class V, class C>
struct All {
  size_t at;
  static constexpr int live = V::lanes;

  typename V::F load(const void* array) const {
    const char* const from = static_cast<const char*>(array) + at * C::bytes;
    fetch_page_ahead(from);
    return C::template load<V>(from);
  }
  void store(void* array, typename V::F f) const {
    C::template store<V>(static_cast<char*>(array) + at * C::bytes, f);
  }
  void store_number(void* array, typename V::F f) const {
    C::template store_number<V>(static_cast<char*>(array) + at * C::bytes, f);
  }
};

template <class V, class C>
struct Some {
  size_t at;
  int live;

  typename V::F load(const void* array) const {
    char padded[V::lanes * C::bytes] = {};
    std::memcpy(padded, static_cast<const char*>(array) + at * C::bytes,
                static_cast<size_t>(live) * C::bytes);
    return C::template load<V>(padded);
  }
  void store(void* array, typename V::F f) const {
    char padded[V::lanes * C::bytes];
    C::template store<V>(padded, f);
    std::memcpy(static_cast<char*>(array) + at * C::bytes, padded,
                static_cast<size_t>(live) * C::bytes);
  }
  void store_number(void* array, typename V::F f) const { store(array, f); }
};

template <class V, class C, class Body>
inline void walk(size_t n, Body body) {
  size_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) body(All<V, C>{i});
  if (i < n) body(Some<V, C>{i, static_cast<int>(n - i)});
}

}  // namespace
