// Four lanes: the NEON of every 64-bit Arm. Fused multiply-add only in f64 on exact products.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace {

struct Neon {
  static constexpr int lanes = 4;
  using F = float32x4_t;
  using U = uint32x4_t;
  using M = uint32x4_t;
  struct D {
    float64x2_t low, high;
  };
  struct W {
    uint64x2_t low, high;
  };

  static F set(float x) { return vdupq_n_f32(x); }
  static F load(const void* p) { return vreinterpretq_f32_u8(vld1q_u8(bytes(p))); }
  static void store(void* p, F f) { vst1q_u8(bytes(p), vreinterpretq_u8_f32(f)); }
  static F load_f16(const void* p) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(bytes(p)))); }
  static void store_f16(void* p, F f) { vst1_u8(bytes(p), vreinterpret_u8_f16(vcvt_f16_f32(f))); }
  static F load_bf16(const void* p) {
    const uint16x4_t halves = vreinterpret_u16_u8(vld1_u8(bytes(p)));
    return vreinterpretq_f32_u32(vshll_n_u16(halves, 16));
  }
  static void store_bf16(void* p, F f) {
    const U high = vshrq_n_u32(as_u32(f), 16);
    const U quiet = vorrq_u32(high, vdupq_n_u32(0x40));
    const U chosen = vbslq_u32(is_nan(f), quiet, vshrq_n_u32(rounded(f), 16));
    vst1_u8(bytes(p), vreinterpret_u8_u16(vmovn_u32(chosen)));
  }
  static void store_bf16_number(void* p, F f) {
    vst1_u8(bytes(p), vreinterpret_u8_u16(vshrn_n_u32(rounded(f), 16)));
  }

  static F add(F a, F b) { return vaddq_f32(a, b); }
  static F sub(F a, F b) { return vsubq_f32(a, b); }
  static F mul(F a, F b) { return vmulq_f32(a, b); }
  static F div(F a, F b) { return vdivq_f32(a, b); }
  static F abs(F a) { return vabsq_f32(a); }

  static M less(F a, F b) { return vcltq_f32(a, b); }
  static M not_less(F a, F b) { return vmvnq_u32(vcltq_f32(a, b)); }
  static M greater(F a, F b) { return vcgtq_f32(a, b); }
  static M at_least(F a, F b) { return vcgeq_f32(a, b); }
  static M equal(F a, F b) { return vceqq_f32(a, b); }
  static M is_nan(F a) { return vmvnq_u32(vceqq_f32(a, a)); }
  static M both(M a, M b) { return vandq_u32(a, b); }
  static M either(M a, M b) { return vorrq_u32(a, b); }
  static F keep(M m, F a) { return vreinterpretq_f32_u32(vandq_u32(m, vreinterpretq_u32_f32(a))); }
  static F select(M m, F a, F b) { return vbslq_f32(m, a, b); }
  static uint32_t bits(M m) { return vaddvq_u32(vandq_u32(m, each())); }
  static bool every(M m) { return vminvq_u32(m) == 0xFFFFFFFFu; }
  static M mask(uint32_t bits) { return vtstq_u32(vdupq_n_u32(bits), each()); }

  static F add_kept(F sum, M m, F a) { return add(sum, keep(m, a)); }

  static U set_u32(uint32_t x) { return vdupq_n_u32(x); }
  static U iota(uint32_t x) {
    const uint32_t steps[4] = {0, 1, 2, 3};
    return vaddq_u32(vdupq_n_u32(x), vld1q_u32(steps));
  }
  static U as_u32(F f) { return vreinterpretq_u32_f32(f); }
  static U load_u32(const void* p) { return vreinterpretq_u32_u8(vld1q_u8(bytes(p))); }
  static void store_u32(void* p, U u) { vst1q_u8(bytes(p), vreinterpretq_u8_u32(u)); }
  static void store_chosen_u32(void* p, uint32_t chosen, U u) {
    uint32_t values[lanes];
    store_u32(values, u);
    auto* to = static_cast<uint32_t*>(p);
    for (uint32_t i = 0; i < lanes; ++i) {
      *to = values[i];
      to += (chosen >> i) & 1;
    }
  }
  static void store_woven(void* p, const U (&words)[4]) {
    uint32_t woven[16];
    const uint32x4x4_t all{{words[0], words[1], words[2], words[3]}};
    vst4q_u32(woven, all);
    std::memcpy(p, woven, sizeof(woven));
  }
  static U sub_u32(U a, U b) { return vsubq_u32(a, b); }
  static U shift_left_u32(U a, int bits) { return vshlq_u32(a, vdupq_n_s32(bits)); }
  static U shift_right_u32(U a, int bits) { return vshlq_u32(a, vdupq_n_s32(-bits)); }
  static U add_u32(U a, U b) { return vaddq_u32(a, b); }
  static U xor_u32(U a, U b) { return veorq_u32(a, b); }
  static U min_u32(U a, U b) { return vminq_u32(a, b); }
  static U max_u32(U a, U b) { return vmaxq_u32(a, b); }
  static M less_u32(U a, U b) { return vcltq_u32(a, b); }
  static M equal_u32(U a, U b) { return vceqq_u32(a, b); }
  static U select_u32(M m, U a, U b) { return vbslq_u32(m, a, b); }

  static W widen(U a) { return {vmovl_u32(vget_low_u32(a)), vmovl_high_u32(a)}; }
  static U narrow(W a) {
    return vuzp1q_u32(vreinterpretq_u32_u64(a.low), vreinterpretq_u32_u64(a.high));
  }
  static W mul_wide(W a, W b) {
    return {vmull_u32(vmovn_u64(a.low), vmovn_u64(b.low)),
            vmull_u32(vmovn_u64(a.high), vmovn_u64(b.high))};
  }
  static W high_wide(W a) { return {vshrq_n_u64(a.low, 32), vshrq_n_u64(a.high, 32)}; }
  static W set_wide(uint32_t x) { return {vdupq_n_u64(x), vdupq_n_u64(x)}; }
  static W xor_wide(W a, W b, uint32_t c) {
    return {veorq_u64(veorq_u64(a.low, b.low), vdupq_n_u64(c)),
            veorq_u64(veorq_u64(a.high, b.high), vdupq_n_u64(c))};
  }

  static D load_f64(const double* p) { return {vld1q_f64(p), vld1q_f64(p + 2)}; }
  static void store_f64(double* p, D d) {
    vst1q_f64(p, d.low);
    vst1q_f64(p + 2, d.high);
  }
  static D add_product(D d, F a, F b) {
    return {vfmaq_f64(d.low, low64(a), low64(b)),
            vfmaq_f64(d.high, vcvt_high_f64_f32(a), vcvt_high_f64_f32(b))};
  }
  static D add_f64(D d, F a) {
    return {vaddq_f64(d.low, low64(a)), vaddq_f64(d.high, vcvt_high_f64_f32(a))};
  }
  static D add_kept_f64(D d, M m, F a) { return add_f64(d, keep(m, a)); }
  static D add_size(D d, F a) {
    return {vaddq_f64(d.low, vabsq_f64(low64(a))),
            vaddq_f64(d.high, vabsq_f64(vcvt_high_f64_f32(a)))};
  }

 private:
  // bf16 to nearest even in the upper halves; the lower ones are no use.
  static U rounded(F f) {
    const U bits = as_u32(f);
    const U odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    return vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7FFF)));
  }
  static const uint8_t* bytes(const void* p) { return static_cast<const uint8_t*>(p); }
  static uint8_t* bytes(void* p) { return static_cast<uint8_t*>(p); }
  static float64x2_t low64(F a) { return vcvt_f64_f32(vget_low_f32(a)); }
  static U each() {
    const uint32_t values[4] = {1, 2, 4, 8};
    return vld1q_u32(values);
  }
};

}  // namespace
