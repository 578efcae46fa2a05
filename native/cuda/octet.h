// The vector of a GPU: eight lanes in the registers of one thread, so that 16-bit elements are
// loaded and stored 16 bytes at a time, and 32-bit ones 32. Each lane is simd/scalar.h. Arrays need
// the alignment of their elements; those that lie on 16 bytes go in whole registers.
//
// A domain says which part of a walk is this thread's: `Everyone` deals an array out among all
// threads of the grid, `OwnBlock` among those of each block, which has an array of its own.
#pragma once

#include <cstdlib>

#include "../simd/scalar.h"
#include "grid.h"

namespace {

struct Everyone {
  static constexpr bool aligned = true;
  ANYWHERE static size_t first() {
    return static_cast<size_t>(grid_block()) * walking_threads() + walking_thread();
  }
  ANYWHERE static size_t count() { return static_cast<size_t>(grid_blocks()) * walking_threads(); }
};

struct OwnBlock {
  static constexpr bool aligned = false;
  ANYWHERE static size_t first() { return walking_thread(); }
  ANYWHERE static size_t count() { return walking_threads(); }
};

template <class T>
struct Eight {
  T at[8];
};

template <class T, class Make>
ANYWHERE inline Eight<T> eight(Make make) {
  Eight<T> out;
  UNROLL(8)
  for (int i = 0; i < 8; ++i) out.at[i] = make(i);
  return out;
}

ANYWHERE inline bool in_whole_registers(const void* p) {
  return (reinterpret_cast<uintptr_t>(p) & 15) == 0;
}

template <class T, bool aligned>
ANYWHERE inline Eight<T> load_eight(const void* p) {
#if defined(__CUDACC__)
  if (aligned || in_whole_registers(p)) {
    constexpr int parts = sizeof(Eight<T>) / 16;
    uint4 raw[parts];
    for (int i = 0; i < parts; ++i) raw[i] = static_cast<const uint4*>(p)[i];
    Eight<T> out;
    memcpy(&out, raw, sizeof(out));
    return out;
  }
  if constexpr (!aligned) return eight<T>([&](int i) { return static_cast<const T*>(p)[i]; });
#else
  if (aligned && !in_whole_registers(p)) std::abort();  // as the GPU would
  Eight<T> out;
  std::memcpy(&out, p, sizeof(out));
  return out;
#endif
}

template <bool aligned, class T>
ANYWHERE inline void store_eight(void* p, const Eight<T>& values) {
#if defined(__CUDACC__)
  if (aligned || in_whole_registers(p)) {
    constexpr int parts = sizeof(Eight<T>) / 16;
    uint4 raw[parts];
    memcpy(raw, &values, sizeof(values));
    for (int i = 0; i < parts; ++i) static_cast<uint4*>(p)[i] = raw[i];
    return;
  }
  if constexpr (!aligned) {
    for (int i = 0; i < 8; ++i) static_cast<T*>(p)[i] = values.at[i];
  }
#else
  if (aligned && !in_whole_registers(p)) std::abort();
  std::memcpy(p, &values, sizeof(values));
#endif
}

template <class Domain>
struct OctetOf {
  static constexpr int lanes = 8;
  using F = Eight<float>;
  using U = Eight<uint32_t>;
  using M = Eight<bool>;

  ANYWHERE static size_t first() { return Domain::first() * lanes; }
  ANYWHERE static size_t stride() { return Domain::count() * lanes; }

  ANYWHERE static F set(float x) {
    return eight<float>([&](int) { return x; });
  }
  ANYWHERE static F load(const void* p) { return load_eight<float, Domain::aligned>(p); }
  ANYWHERE static void store(void* p, const F& f) { store_eight<Domain::aligned>(p, f); }
  ANYWHERE static F load_f16(const void* p) {
    const Eight<uint16_t> stored = load_eight<uint16_t, Domain::aligned>(p);
    return eight<float>([&](int i) { return f16_to_f32(stored.at[i]); });
  }
  ANYWHERE static void store_f16(void* p, const F& f) {
    store_eight<Domain::aligned>(p, eight<uint16_t>([&](int i) { return f32_to_f16(f.at[i]); }));
  }
  ANYWHERE static F load_bf16(const void* p) {
    const Eight<uint16_t> stored = load_eight<uint16_t, Domain::aligned>(p);
    return eight<float>([&](int i) { return bf16_to_f32(stored.at[i]); });
  }
  ANYWHERE static void store_bf16(void* p, const F& f) {
    store_eight<Domain::aligned>(p, eight<uint16_t>([&](int i) { return f32_to_bf16(f.at[i]); }));
  }

#define EACH(T, expression) eight<T>([&](int i) { return expression; })
  ANYWHERE static F add(const F& a, const F& b) {
    return EACH(float, Scalar::add(a.at[i], b.at[i]));
  }
  ANYWHERE static F sub(const F& a, const F& b) {
    return EACH(float, Scalar::sub(a.at[i], b.at[i]));
  }
  ANYWHERE static F mul(const F& a, const F& b) {
    return EACH(float, Scalar::mul(a.at[i], b.at[i]));
  }
  ANYWHERE static F div(const F& a, const F& b) {
    return EACH(float, Scalar::div(a.at[i], b.at[i]));
  }
  ANYWHERE static F abs(const F& a) { return EACH(float, Scalar::abs(a.at[i])); }

  ANYWHERE static M less(const F& a, const F& b) {
    return EACH(bool, Scalar::less(a.at[i], b.at[i]));
  }
  ANYWHERE static M not_less(const F& a, const F& b) {
    return EACH(bool, Scalar::not_less(a.at[i], b.at[i]));
  }
  ANYWHERE static M greater(const F& a, const F& b) {
    return EACH(bool, Scalar::greater(a.at[i], b.at[i]));
  }
  ANYWHERE static M at_least(const F& a, const F& b) {
    return EACH(bool, Scalar::at_least(a.at[i], b.at[i]));
  }
  ANYWHERE static M equal(const F& a, const F& b) {
    return EACH(bool, Scalar::equal(a.at[i], b.at[i]));
  }
  ANYWHERE static M is_nan(const F& a) { return EACH(bool, Scalar::is_nan(a.at[i])); }
  ANYWHERE static M both(const M& a, const M& b) { return EACH(bool, a.at[i] && b.at[i]); }
  ANYWHERE static M either(const M& a, const M& b) { return EACH(bool, a.at[i] || b.at[i]); }
  ANYWHERE static F keep(const M& m, const F& a) {
    return EACH(float, Scalar::keep(m.at[i], a.at[i]));
  }
  ANYWHERE static F add_kept(const F& sum, const M& m, const F& a) {
    return EACH(float, Scalar::add_kept(sum.at[i], m.at[i], a.at[i]));
  }
  ANYWHERE static F select(const M& m, const F& a, const F& b) {
    return EACH(float, Scalar::select(m.at[i], a.at[i], b.at[i]));
  }
  ANYWHERE static uint32_t bits(const M& m) {
    uint32_t out = 0;
    for (int i = 0; i < lanes; ++i) out |= Scalar::bits(m.at[i]) << i;
    return out;
  }
  ANYWHERE static bool every(const M& m) { return bits(m) == 0xFFu; }
  ANYWHERE static M mask(uint32_t bits) { return EACH(bool, Scalar::mask(bits >> i)); }

  ANYWHERE static U set_u32(uint32_t x) {
    return eight<uint32_t>([&](int) { return x; });
  }
  ANYWHERE static U iota(uint32_t x) { return EACH(uint32_t, x + static_cast<uint32_t>(i)); }
  ANYWHERE static U as_u32(const F& f) { return EACH(uint32_t, Scalar::as_u32(f.at[i])); }
  ANYWHERE static U load_u32(const void* p) { return load_eight<uint32_t, Domain::aligned>(p); }
  ANYWHERE static void store_u32(void* p, const U& u) { store_eight<Domain::aligned>(p, u); }
  ANYWHERE static M less_u32(const U& a, const U& b) { return EACH(bool, a.at[i] < b.at[i]); }
  ANYWHERE static M equal_u32(const U& a, const U& b) { return EACH(bool, a.at[i] == b.at[i]); }
  ANYWHERE static U select_u32(const M& m, const U& a, const U& b) {
    return EACH(uint32_t, m.at[i] ? a.at[i] : b.at[i]);
  }
#undef EACH
};

using Octet = OctetOf<Everyone>;
using BlockOctet = OctetOf<OwnBlock>;

// One element, for the lanes of a reduction: each is the work of one thread.
struct Single : Scalar {
  ANYWHERE static float load(const void* p) { return *static_cast<const float*>(p); }
  ANYWHERE static float load_f16(const void* p) {
    return f16_to_f32(*static_cast<const uint16_t*>(p));
  }
  ANYWHERE static float load_bf16(const void* p) {
    return bf16_to_f32(*static_cast<const uint16_t*>(p));
  }
};

}  // namespace
