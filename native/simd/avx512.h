// Sixteen lanes: AVX-512 F, BW, VL and DQ.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace {

struct Avx512 {
  static constexpr int lanes = 16;
  using F = __m512;
  using U = __m512i;
  using M = __mmask16;
  struct D {
    __m512d low, high;
  };
  // Lanes 0, 1, 4, 5, 8, ... and lanes 2, 3, 6, 7, ...
  struct W {
    __m512i first, second;
  };

  static F set(float x) { return _mm512_set1_ps(x); }
  static F load(const void* p) { return _mm512_loadu_ps(p); }
  static void store(void* p, F f) { _mm512_storeu_ps(p, f); }
  static F load_f16(const void* p) { return _mm512_cvtph_ps(load256(p)); }
  static void store_f16(void* p, F f) {
    store256(p, _mm512_cvtps_ph(f, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static F load_bf16(const void* p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(load256(p)), 16));
  }
  static void store_bf16(void* p, F f) {
    const U high = _mm512_srli_epi32(as_u32(f), 16);
    const U number = _mm512_srli_epi32(rounded(f), 16);
    const U chosen = _mm512_mask_or_epi32(number, is_nan(f), high, _mm512_set1_epi32(0x40));
    store256(p, _mm512_cvtepi32_epi16(chosen));
  }
  static void store_bf16_number(void* p, F f) {
    store256(p, _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded(f), 16)));
  }
  static void load_bf16_pair(const void* p, F& even, F& odd) {
    const U both = load_u32(p);
    even = _mm512_castsi512_ps(_mm512_slli_epi32(both, 16));
    odd = _mm512_castsi512_ps(_mm512_and_si512(both, high_halves()));
  }
  static void store_bf16_pair(void* p, F even, F odd) {
    constexpr int first_or_masked_second = 0xF8;
    const U low = _mm512_srli_epi32(rounded(even), 16);
    store_u32(p,
              _mm512_ternarylogic_epi32(low, rounded(odd), high_halves(), first_or_masked_second));
  }

  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F div(F a, F b) { return _mm512_div_ps(a, b); }
  static F abs(F a) { return _mm512_abs_ps(a); }

  static M less(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
  static M not_less(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ); }
  static M greater(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
  static M at_least(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
  static M equal(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
  static M is_nan(F a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
  static M both(M a, M b) { return static_cast<M>(a & b); }
  static M either(M a, M b) { return static_cast<M>(a | b); }
  static F keep(M m, F a) { return _mm512_maskz_mov_ps(m, a); }
  static F select(M m, F a, F b) { return _mm512_mask_blend_ps(m, b, a); }
  static uint32_t bits(M m) { return m; }
  static bool every(M m) { return m == 0xFFFF; }
  static M mask(uint32_t bits) { return static_cast<M>(bits); }
  // Fast wherever there are such registers, which cannot be said of AVX2.
  static uint64_t deposit(uint32_t bits, uint64_t places) { return _pdep_u64(bits, places); }
  static void mask_pair(uint32_t bits, M& even, M& odd) {
    even = static_cast<M>(_pext_u32(bits, 0x55555555u));
    odd = static_cast<M>(_pext_u32(bits, 0xAAAAAAAAu));
  }

  static F add_kept(F sum, M m, F a) { return _mm512_mask_add_ps(sum, m, sum, a); }

  static U set_u32(uint32_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }
  static U iota(uint32_t x) {
    return _mm512_add_epi32(
        set_u32(x), _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  }
  static U as_u32(F f) { return _mm512_castps_si512(f); }
  static U load_u32(const void* p) { return _mm512_loadu_si512(p); }
  static void store_u32(void* p, U u) { _mm512_storeu_si512(p, u); }
  static void store_chosen_u32(void* p, uint32_t chosen, U u) {
    _mm512_storeu_si512(p, _mm512_maskz_compress_epi32(mask(chosen), u));
  }
  static void store_woven(void* p, const U (&words)[4]) {
    const U low01 = _mm512_unpacklo_epi32(words[0], words[1]);
    const U high01 = _mm512_unpackhi_epi32(words[0], words[1]);
    const U low23 = _mm512_unpacklo_epi32(words[2], words[3]);
    const U high23 = _mm512_unpackhi_epi32(words[2], words[3]);
    // Each quarter of these holds a whole group of four.
    const U first = _mm512_unpacklo_epi64(low01, low23);
    const U second = _mm512_unpackhi_epi64(low01, low23);
    const U third = _mm512_unpacklo_epi64(high01, high23);
    const U fourth = _mm512_unpackhi_epi64(high01, high23);
    const U low12 = _mm512_shuffle_i32x4(first, second, 0x44);
    const U high12 = _mm512_shuffle_i32x4(first, second, 0xEE);
    const U low34 = _mm512_shuffle_i32x4(third, fourth, 0x44);
    const U high34 = _mm512_shuffle_i32x4(third, fourth, 0xEE);
    auto* out = static_cast<uint32_t*>(p);
    _mm512_storeu_si512(out, _mm512_shuffle_i32x4(low12, low34, 0x88));
    _mm512_storeu_si512(out + 16, _mm512_shuffle_i32x4(low12, low34, 0xDD));
    _mm512_storeu_si512(out + 32, _mm512_shuffle_i32x4(high12, high34, 0x88));
    _mm512_storeu_si512(out + 48, _mm512_shuffle_i32x4(high12, high34, 0xDD));
  }
  static U sub_u32(U a, U b) { return _mm512_sub_epi32(a, b); }
  static U shift_left_u32(U a, int bits) {
    return _mm512_slli_epi32(a, static_cast<unsigned>(bits));
  }
  static U shift_right_u32(U a, int bits) {
    return _mm512_srli_epi32(a, static_cast<unsigned>(bits));
  }
  static U add_u32(U a, U b) { return _mm512_add_epi32(a, b); }
  static U xor_u32(U a, U b) { return _mm512_xor_si512(a, b); }
  static U min_u32(U a, U b) { return _mm512_min_epu32(a, b); }
  static U max_u32(U a, U b) { return _mm512_max_epu32(a, b); }
  static M less_u32(U a, U b) { return _mm512_cmplt_epu32_mask(a, b); }
  static M equal_u32(U a, U b) { return _mm512_cmpeq_epi32_mask(a, b); }
  static U select_u32(M m, U a, U b) { return _mm512_mask_blend_epi32(m, b, a); }

  static W widen(U a) {
    const U zero = _mm512_setzero_si512();
    return {_mm512_unpacklo_epi32(a, zero), _mm512_unpackhi_epi32(a, zero)};
  }
  static U narrow(W a) {
    return _mm512_castps_si512(
        _mm512_shuffle_ps(_mm512_castsi512_ps(a.first), _mm512_castsi512_ps(a.second), 0x88));
  }
  static W mul_wide(W a, W b) {
    return {_mm512_mul_epu32(a.first, b.first), _mm512_mul_epu32(a.second, b.second)};
  }
  static W high_wide(W a) {
    // Not shifts, which would wait for the unit that multiplies.
    return {_mm512_shuffle_epi32(a.first, _MM_PERM_DDBB),
            _mm512_shuffle_epi32(a.second, _MM_PERM_DDBB)};
  }
  static W set_wide(uint32_t x) { return {set_u32(x), set_u32(x)}; }
  static W xor_wide(W a, W b, uint32_t c) {
    constexpr int all_three = 0x96;
    return {_mm512_ternarylogic_epi32(a.first, b.first, set_u32(c), all_three),
            _mm512_ternarylogic_epi32(a.second, b.second, set_u32(c), all_three)};
  }

  static W load_u64(const uint64_t* p) {
    return {_mm512_loadu_si512(p), _mm512_loadu_si512(p + 8)};
  }
  static void store_u64(uint64_t* p, W a) {
    _mm512_storeu_si512(p, a.first);
    _mm512_storeu_si512(p + 8, a.second);
  }
  static W load_stripes(const uint8_t* const* messages, size_t at) {
    const auto pair = [&](size_t i) {
      return _mm512_inserti64x4(_mm512_castsi256_si512(load256(messages[i] + at)),
                                load256(messages[i + 1] + at), 1);
    };
    return {pair(0), pair(2)};
  }
  static W add_u64(W a, W b) {
    return {_mm512_add_epi64(a.first, b.first), _mm512_add_epi64(a.second, b.second)};
  }
  static W mul_u64(W a, uint64_t b) {
    const U factor = _mm512_set1_epi64(static_cast<int64_t>(b));
    return {_mm512_mullo_epi64(a.first, factor), _mm512_mullo_epi64(a.second, factor)};
  }
  template <int bits>
  static W rotate_u64(W a) {
    return {_mm512_rol_epi64(a.first, bits), _mm512_rol_epi64(a.second, bits)};
  }

  static D load_f64(const double* p) { return {_mm512_loadu_pd(p), _mm512_loadu_pd(p + 8)}; }
  static void store_f64(double* p, D d) {
    _mm512_storeu_pd(p, d.low);
    _mm512_storeu_pd(p + 8, d.high);
  }
  static D add_product(D d, F a, F b) {
    return {_mm512_fmadd_pd(low64(a), low64(b), d.low),
            _mm512_fmadd_pd(high64(a), high64(b), d.high)};
  }
  static D add_f64(D d, F a) {
    return {_mm512_add_pd(d.low, low64(a)), _mm512_add_pd(d.high, high64(a))};
  }
  static D add_kept_f64(D d, M m, F a) {
    return {_mm512_mask_add_pd(d.low, static_cast<__mmask8>(m), d.low, low64(a)),
            _mm512_mask_add_pd(d.high, static_cast<__mmask8>(m >> 8), d.high, high64(a))};
  }
  static D add_size(D d, F a) {
    return {_mm512_add_pd(d.low, _mm512_abs_pd(low64(a))),
            _mm512_add_pd(d.high, _mm512_abs_pd(high64(a)))};
  }

 private:
  static U high_halves() { return _mm512_set1_epi32(static_cast<int>(0xFFFF0000u)); }
  // To nearest even in the upper halves; the lower ones are no use.
  static U rounded(F f) {
    const U bits = as_u32(f);
    const U odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    return _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
  }
  static __m256i load256(const void* p) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(p));
  }
  static void store256(void* p, __m256i v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
  static __m512d low64(F a) { return _mm512_cvtps_pd(_mm512_castps512_ps256(a)); }
  static __m512d high64(F a) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1)); }
};

}  // namespace
