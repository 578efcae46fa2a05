// A codec turns stored bits into f32 lanes and back. `bytes` is the width of one stored element;
// `id` is the number the wire format and lib/format/dtype.ts give the dtype. `store_number` is for
// lanes none of which is NaN.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "f8.h"

namespace {

struct F32 {
  static constexpr int id = 0;
  static constexpr int bytes = 4;
  template <class V>
  ANYWHERE static typename V::F load(const void* p) {
    return V::load(p);
  }
  template <class V>
  ANYWHERE static void store(void* p, typename V::F f) {
    V::store(p, f);
  }
  template <class V>
  ANYWHERE static void store_number(void* p, typename V::F f) {
    V::store(p, f);
  }
};

struct F16 {
  static constexpr int id = 1;
  static constexpr int bytes = 2;
  template <class V>
  ANYWHERE static typename V::F load(const void* p) {
    return V::load_f16(p);
  }
  template <class V>
  ANYWHERE static void store(void* p, typename V::F f) {
    V::store_f16(p, f);
  }
  template <class V>
  ANYWHERE static void store_number(void* p, typename V::F f) {
    V::store_f16(p, f);
  }
};

struct Bf16 {
  static constexpr int id = 2;
  static constexpr int bytes = 2;
  template <class V>
  ANYWHERE static typename V::F load(const void* p) {
    return V::load_bf16(p);
  }
  template <class V>
  ANYWHERE static void store(void* p, typename V::F f) {
    V::store_bf16(p, f);
  }
  template <class V>
  ANYWHERE static void store_number(void* p, typename V::F f) {
    V::store_bf16_number(p, f);
  }
};

// The float8 codecs go value by value through memory: rare, and only used to fill f32 tiles.
template <float (*decode)(uint8_t), uint8_t (*encode)(float), int number>
struct ByteCodec {
  static constexpr int id = number;
  static constexpr int bytes = 1;
  template <class V>
  ANYWHERE static typename V::F load(const void* p) {
    alignas(16) float lanes[V::lanes];
    for (int i = 0; i < V::lanes; ++i) lanes[i] = decode(static_cast<const uint8_t*>(p)[i]);
    return V::load(lanes);
  }
  template <class V>
  ANYWHERE static void store(void* p, typename V::F f) {
    alignas(16) float lanes[V::lanes];
    V::store(lanes, f);
    for (int i = 0; i < V::lanes; ++i) static_cast<uint8_t*>(p)[i] = encode(lanes[i]);
  }
  template <class V>
  ANYWHERE static void store_number(void* p, typename V::F f) {
    store<V>(p, f);
  }
};

using E4m3 = ByteCodec<e4m3_to_f32, f32_to_e4m3, 3>;
using E5m2 = ByteCodec<e5m2_to_f32, f32_to_e5m2, 4>;

}  // namespace
