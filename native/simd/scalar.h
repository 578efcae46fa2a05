// One lane. Not a fallback but the specification: see contract.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../codecs/half.h"

namespace {

struct Scalar {
  static constexpr int lanes = 1;
  using F = float;
  using U = uint32_t;
  using M = bool;
  using D = double;
  using W = uint64_t;

  ANYWHERE static F set(float x) { return x; }
  ANYWHERE static F load(const void* p) {
    float f;
    std::memcpy(&f, p, 4);
    return f;
  }
  ANYWHERE static void store(void* p, F f) { std::memcpy(p, &f, 4); }
  ANYWHERE static F load_f16(const void* p) { return f16_to_f32(load16(p)); }
  ANYWHERE static void store_f16(void* p, F f) { store16(p, f32_to_f16(f)); }
  ANYWHERE static F load_bf16(const void* p) { return bf16_to_f32(load16(p)); }
  ANYWHERE static void store_bf16(void* p, F f) { store16(p, f32_to_bf16(f)); }
  ANYWHERE static void store_bf16_number(void* p, F f) { store_bf16(p, f); }

  ANYWHERE static F add(F a, F b) { return a + b; }
  ANYWHERE static F sub(F a, F b) { return a - b; }
  ANYWHERE static F mul(F a, F b) { return a * b; }
  ANYWHERE static F div(F a, F b) { return a / b; }
  ANYWHERE static F abs(F a) {
    const uint32_t bits = as_u32(a) & 0x7FFFFFFFu;
    std::memcpy(&a, &bits, 4);
    return a;
  }

  ANYWHERE static M less(F a, F b) { return a < b; }
  ANYWHERE static M not_less(F a, F b) { return !(a < b); }
  ANYWHERE static M greater(F a, F b) { return a > b; }
  ANYWHERE static M at_least(F a, F b) { return a >= b; }
  ANYWHERE static M equal(F a, F b) { return a == b; }
  ANYWHERE static M is_nan(F a) { return a != a; }
  ANYWHERE static M both(M a, M b) { return a && b; }
  ANYWHERE static M either(M a, M b) { return a || b; }
  ANYWHERE static F keep(M m, F a) { return m ? a : 0.0f; }
  ANYWHERE static F select(M m, F a, F b) { return m ? a : b; }
  ANYWHERE static uint32_t bits(M m) { return m ? 1 : 0; }
  ANYWHERE static bool every(M m) { return m; }
  ANYWHERE static M mask(uint32_t bits) { return (bits & 1) != 0; }

  ANYWHERE static F add_kept(F sum, M m, F a) { return add(sum, keep(m, a)); }

  ANYWHERE static U set_u32(uint32_t x) { return x; }
  ANYWHERE static U iota(uint32_t x) { return x; }
  ANYWHERE static U as_u32(F f) {
    uint32_t bits;
    std::memcpy(&bits, &f, 4);
    return bits;
  }
  ANYWHERE static U load_u32(const void* p) {
    U u;
    std::memcpy(&u, p, 4);
    return u;
  }
  ANYWHERE static void store_u32(void* p, U u) { std::memcpy(p, &u, 4); }
  ANYWHERE static void store_chosen_u32(void* p, uint32_t, U u) { store_u32(p, u); }
  ANYWHERE static void store_woven(void* p, const U (&words)[4]) { std::memcpy(p, words, 16); }
  ANYWHERE static U sub_u32(U a, U b) { return a - b; }
  ANYWHERE static U shift_left_u32(U a, int bits) { return a << bits; }
  ANYWHERE static U shift_right_u32(U a, int bits) { return a >> bits; }
  ANYWHERE static U add_u32(U a, U b) { return a + b; }
  ANYWHERE static U xor_u32(U a, U b) { return a ^ b; }
  ANYWHERE static U min_u32(U a, U b) { return a < b ? a : b; }
  ANYWHERE static U max_u32(U a, U b) { return a < b ? b : a; }
  ANYWHERE static M less_u32(U a, U b) { return a < b; }
  ANYWHERE static M equal_u32(U a, U b) { return a == b; }
  ANYWHERE static U select_u32(M m, U a, U b) { return m ? a : b; }

  ANYWHERE static W widen(U a) { return a; }
  ANYWHERE static U narrow(W a) { return static_cast<uint32_t>(a); }
  ANYWHERE static W mul_wide(W a, W b) { return uint64_t{narrow(a)} * narrow(b); }
  ANYWHERE static W high_wide(W a) { return a >> 32; }
  ANYWHERE static W set_wide(uint32_t x) { return x; }
  ANYWHERE static W xor_wide(W a, W b, uint32_t c) { return a ^ b ^ c; }

  ANYWHERE static D load_f64(const double* p) { return *p; }
  ANYWHERE static void store_f64(double* p, D d) { *p = d; }
  ANYWHERE static D add_product(D d, F a, F b) {
    return d + static_cast<double>(a) * static_cast<double>(b);
  }
  ANYWHERE static D add_f64(D d, F a) { return d + static_cast<double>(a); }
  ANYWHERE static D add_kept_f64(D d, M m, F a) { return m ? add_f64(d, a) : d; }
  ANYWHERE static D add_size(D d, F a) { return d + static_cast<double>(abs(a)); }

 private:
  ANYWHERE static uint16_t load16(const void* p) {
    uint16_t h;
    std::memcpy(&h, p, 2);
    return h;
  }
  ANYWHERE static void store16(void* p, uint16_t h) { std::memcpy(p, &h, 2); }
};

}  // namespace
