// Walks n elements in steps of V::lanes. The body is called with a position: `All` for a full step,
// `Some` for the rest. Both load and store through a codec; `Some` pads with zero bytes on loading
// and writes only the live elements, so a body is written once and never sees a tail.
//
// A vector type whose steps are shared out among the threads of a GPU says where this one begins
// and how far it goes on (`first`, `stride`). Arrays are padded there, so that every step loads a
// whole one: `UpTo` only holds back what is stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../codecs/codecs.h"
#include "../simd/contract.h"
#include "../simd/pair.h"

namespace {

template <class V, class C>
struct All {
  size_t at;
  static constexpr int live = V::lanes;

  ANYWHERE typename V::F load(const void* array) const {
    return C::template load<V>(static_cast<const char*>(array) + at * C::bytes);
  }
  ANYWHERE void store(void* array, typename V::F f) const {
    C::template store<V>(static_cast<char*>(array) + at * C::bytes, f);
  }
  ANYWHERE void store_number(void* array, typename V::F f) const {
    C::template store_number<V>(static_cast<char*>(array) + at * C::bytes, f);
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
    std::memcpy(to, padded, static_cast<size_t>(live) * C::bytes);
  }
  ANYWHERE void store_number(void* array, typename V::F f) const { store(array, f); }
};

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
