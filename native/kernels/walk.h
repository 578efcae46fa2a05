// Walks n elements in steps of V::lanes. The body is called with a position: `All` for a full step,
// `Some` for the rest. Both load and store through a codec; `Some` pads with zero bytes on loading
// and writes only the live elements, so a body is written once and never sees a tail.
//
// A vector type whose steps are shared out among the threads of a GPU says where this one begins
// and how far it goes on (`first`, `stride`). Arrays are padded there, so that every step loads a
// whole one: `UpTo` only holds back what is stored.
//
// of<D>(at): the same elements of an array that is stored by the codec D.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../codecs/codecs.h"
#include "../simd/contract.h"
#include "../simd/pair.h"
#include "../simd/past_cache.h"
#include "../simd/prefetch.h"

namespace {

template <class V, class C>
struct All {
  size_t at;
  static constexpr int live = V::lanes;

  ANYWHERE typename V::F load(const void* array) const {
    const char* const from = static_cast<const char*>(array) + at * C::bytes;
    fetch_page_ahead(from);
    return C::template load<V>(from);
  }
  ANYWHERE void store(void* array, typename V::F f) const {
    C::template store<V>(static_cast<char*>(array) + at * C::bytes, f);
  }
  ANYWHERE void store_number(void* array, typename V::F f) const {
    C::template store_number<V>(static_cast<char*>(array) + at * C::bytes, f);
  }
  void store_number_past_cache(void* array, typename V::F f) const {
    constexpr size_t bytes = size_t{V::lanes} * C::bytes;
    if constexpr (kStoresPastCache && bytes % kPastCacheBytes == 0) {
      alignas(64) uint8_t built[bytes];
      C::template store_number<V>(built, f);
      store_past_cache<bytes>(static_cast<uint8_t*>(array) + at * C::bytes, built);
    } else {
      store_number(array, f);
    }
  }
  template <class U>
  ANYWHERE void store_u32(uint32_t* array, U u) const {
    V::store_u32(array + at, u);
  }
};

template <class V, class C>
struct Some {
  size_t at;
  int live;

  ANYWHERE typename V::F load(const void* array) const {
    alignas(16) char padded[V::lanes * C::bytes] = {};
    std::memcpy(padded, static_cast<const char*>(array) + at * C::bytes,
                static_cast<size_t>(live) * C::bytes);
    return C::template load<V>(padded);
  }
  ANYWHERE void store(void* array, typename V::F f) const {
    alignas(16) char padded[V::lanes * C::bytes];
    C::template store<V>(padded, f);
    std::memcpy(static_cast<char*>(array) + at * C::bytes, padded,
                static_cast<size_t>(live) * C::bytes);
  }
  ANYWHERE void store_number(void* array, typename V::F f) const { store(array, f); }
  ANYWHERE void store_number_past_cache(void* array, typename V::F f) const { store(array, f); }
  template <class U>
  ANYWHERE void store_u32(uint32_t* array, U u) const {
    uint32_t padded[V::lanes];
    V::store_u32(padded, u);
    std::memcpy(array + at, padded, static_cast<size_t>(live) * 4);
  }
};

// The step of a thread of a GPU: one body for full and partial ones, as arrays are padded there.
template <class V, class C>
struct UpTo {
  size_t at;
  int live;

  ANYWHERE typename V::F load(const void* array) const {
    return C::template load<V>(static_cast<const char*>(array) + at * C::bytes);
  }
  ANYWHERE void store(void* array, typename V::F f) const {
    char* const to = static_cast<char*>(array) + at * C::bytes;
    if (live == V::lanes) return C::template store<V>(to, f);
    alignas(16) char padded[V::lanes * C::bytes];
    C::template store<V>(padded, f);
    store_live<C::bytes>(to, padded);
  }
  ANYWHERE void store_number(void* array, typename V::F f) const { store(array, f); }
  ANYWHERE void store_number_past_cache(void* array, typename V::F f) const { store(array, f); }
  template <class U>
  ANYWHERE void store_u32(uint32_t* array, U u) const {
    if (live == V::lanes) return V::store_u32(array + at, u);
    alignas(16) uint32_t padded[V::lanes];
    V::store_u32(padded, u);
    store_live<4>(array + at, padded);
  }

 private:
  // Element by element: a copy of a length known only when it runs would go through memory.
  template <int bytes>
  ANYWHERE void store_live(void* to, const void* padded) const {
    UNROLL(V::lanes)
    for (int i = 0; i < V::lanes; ++i) {
      if (i >= live) continue;
      std::memcpy(static_cast<char*>(to) + i * bytes, static_cast<const char*>(padded) + i * bytes,
                  bytes);
    }
  }
};

template <class D, class V, class C>
ANYWHERE inline All<V, D> of(All<V, C> step) {
  return {step.at};
}
template <class D, class V, class C>
ANYWHERE inline Some<V, D> of(Some<V, C> step) {
  return {step.at, step.live};
}
template <class D, class V, class C>
ANYWHERE inline UpTo<V, D> of(UpTo<V, C> step) {
  return {step.at, step.live};
}

template <class V>
concept Shared = requires {
  {V::first()};
  {V::stride()};
};

template <class V, class C, class Body>
ANYWHERE inline void walk(size_t n, Body body) {
  if constexpr (Shared<V>) {
    for (size_t i = V::first(); i < n; i += V::stride()) {
      body(UpTo<V, C>{i, n - i < V::lanes ? static_cast<int>(n - i) : V::lanes});
    }
  } else {
    size_t i = 0;
    for (; i + V::lanes <= n; i += V::lanes) body(All<V, C>{i});
    if (i < n) body(Some<V, C>{i, static_cast<int>(n - i)});
  }
}

}  // namespace
