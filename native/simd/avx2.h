// Eight lanes: AVX2 with F16C and FMA (FMA only where the product is exact, in f64).
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace {

struct Avx2 {
  static constexpr int lanes = 8;
  using F = __m256;
  using U = __m256i;
  using M = __m256;
  struct D {
    __m256d low, high;
  };
  // Lanes 0, 1, 4, 5 and lanes 2, 3, 6, 7.
  struct W {
    __m256i first, second;
  };

  static F set(float x) { return _mm256_set1_ps(x); }
  static F load(const void* p) { return _mm256_loadu_ps(static_cast<const float*>(p)); }
  static void store(void* p, F f) { _mm256_storeu_ps(static_cast<float*>(p), f); }
  static F load_f16(const void* p) { return _mm256_cvtph_ps(load128(p)); }
  static void store_f16(void* p, F f) {
    store128(p, _mm256_cvtps_ph(f, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static F load_bf16(const void* p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load128(p)), 16));
  }
  static void store_bf16(void* p, F f) {
    const U quiet = _mm256_or_si256(_mm256_srli_epi32(as_u32(f), 16), _mm256_set1_epi32(0x40));
    const U number = _mm256_srli_epi32(rounded(f), 16);
    store_halves(p, _mm256_blendv_epi8(number, quiet, as_u32(is_nan(f))));
  }
  static void store_bf16_number(void* p, F f) {
    store_halves(p, _mm256_srli_epi32(rounded(f), 16));
  }
  static void load_bf16_pair(const void* p, F& even, F& odd) {
    const U both = load_u32(p);
    even = _mm256_castsi256_ps(_mm256_slli_epi32(both, 16));
    odd = _mm256_castsi256_ps(_mm256_and_si256(both, high_halves()));
  }
  static void store_bf16_pair(void* p, F even, F odd) {
    const U low = _mm256_srli_epi32(rounded(even), 16);
    store_u32(p, _mm256_or_si256(low, _mm256_and_si256(rounded(odd), high_halves())));
  }

  static F add(F a, F b) { return _mm256_add_ps(a, b); }
  static F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static F div(F a, F b) { return _mm256_div_ps(a, b); }
  static F abs(F a) { return _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF))); }

  static M less(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
  static M not_less(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_NLT_UQ); }
  static M greater(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
  static M at_least(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_GE_OQ); }
  static M equal(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
  static M is_nan(F a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
  static M both(M a, M b) { return _mm256_and_ps(a, b); }
  static M either(M a, M b) { return _mm256_or_ps(a, b); }
  static F keep(M m, F a) { return _mm256_and_ps(m, a); }
  static F select(M m, F a, F b) { return _mm256_blendv_ps(b, a, m); }
  static uint32_t bits(M m) { return static_cast<uint32_t>(_mm256_movemask_ps(m)); }
  static bool every(M m) { return _mm256_movemask_ps(m) == 0xFF; }
  static M mask(uint32_t bits) {
    return where_set(bits, _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128));
  }
  static void mask_pair(uint32_t bits, M& even, M& odd) {
    const U each = _mm256_setr_epi32(1, 1 << 2, 1 << 4, 1 << 6, 1 << 8, 1 << 10, 1 << 12, 1 << 14);
    even = where_set(bits, each);
    odd = where_set(bits, _mm256_slli_epi32(each, 1));
  }

  static F add_kept(F sum, M m, F a) { return add(sum, keep(m, a)); }

  static U set_u32(uint32_t x) { return _mm256_set1_epi32(static_cast<int>(x)); }
  static U iota(uint32_t x) {
    return _mm256_add_epi32(set_u32(x), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static U as_u32(F f) { return _mm256_castps_si256(f); }
  static U load_u32(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static void store_u32(void* p, U u) { _mm256_storeu_si256(static_cast<__m256i*>(p), u); }
  static void store_chosen_u32(void* p, uint32_t chosen, U u) {
    // Bit i of each byte's worth of `chosen` becomes the byte i, or nothing.
    const uint64_t bytes = _pdep_u64(chosen, 0x0101010101010101u) * 0xFF;
    const uint64_t lanes_chosen = _pext_u64(0x0706050403020100u, bytes);
    const __m128i packed = _mm_cvtsi64_si128(static_cast<int64_t>(lanes_chosen));
    store_u32(p, _mm256_permutevar8x32_epi32(u, _mm256_cvtepu8_epi32(packed)));
  }
  static void store_woven(void* p, const U (&words)[4]) {
    const U low01 = _mm256_unpacklo_epi32(words[0], words[1]);
    const U high01 = _mm256_unpackhi_epi32(words[0], words[1]);
    const U low23 = _mm256_unpacklo_epi32(words[2], words[3]);
    const U high23 = _mm256_unpackhi_epi32(words[2], words[3]);
    const U first = _mm256_unpacklo_epi64(low01, low23);
    const U second = _mm256_unpackhi_epi64(low01, low23);
    const U third = _mm256_unpacklo_epi64(high01, high23);
    const U fourth = _mm256_unpackhi_epi64(high01, high23);
    auto* out = static_cast<__m256i*>(p);
    _mm256_storeu_si256(out, _mm256_permute2x128_si256(first, second, 0x20));
    _mm256_storeu_si256(out + 1, _mm256_permute2x128_si256(third, fourth, 0x20));
    _mm256_storeu_si256(out + 2, _mm256_permute2x128_si256(first, second, 0x31));
    _mm256_storeu_si256(out + 3, _mm256_permute2x128_si256(third, fourth, 0x31));
  }
  static U sub_u32(U a, U b) { return _mm256_sub_epi32(a, b); }
  static U shift_left_u32(U a, int bits) { return _mm256_slli_epi32(a, bits); }
  static U shift_right_u32(U a, int bits) { return _mm256_srli_epi32(a, bits); }
  static U add_u32(U a, U b) { return _mm256_add_epi32(a, b); }
  static U xor_u32(U a, U b) { return _mm256_xor_si256(a, b); }
  static U min_u32(U a, U b) { return _mm256_min_epu32(a, b); }
  static U max_u32(U a, U b) { return _mm256_max_epu32(a, b); }
  static M less_u32(U a, U b) {
    const U flip = _mm256_set1_epi32(INT32_MIN);
    return _mm256_castsi256_ps(
        _mm256_cmpgt_epi32(_mm256_xor_si256(b, flip), _mm256_xor_si256(a, flip)));
  }
  static M equal_u32(U a, U b) { return _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b)); }
  static U select_u32(M m, U a, U b) { return _mm256_blendv_epi8(b, a, _mm256_castps_si256(m)); }

  static W widen(U a) {
    const U zero = _mm256_setzero_si256();
    return {_mm256_unpacklo_epi32(a, zero), _mm256_unpackhi_epi32(a, zero)};
  }
  static U narrow(W a) {
    return _mm256_castps_si256(
        _mm256_shuffle_ps(_mm256_castsi256_ps(a.first), _mm256_castsi256_ps(a.second), 0x88));
  }
  static W mul_wide(W a, W b) {
    return {_mm256_mul_epu32(a.first, b.first), _mm256_mul_epu32(a.second, b.second)};
  }
  static W high_wide(W a) {
    // Not shifts, which would wait for the unit that multiplies.
    return {_mm256_shuffle_epi32(a.first, 0xF5), _mm256_shuffle_epi32(a.second, 0xF5)};
  }
  static W set_wide(uint32_t x) { return {set_u32(x), set_u32(x)}; }
  static W xor_wide(W a, W b, uint32_t c) {
    return {_mm256_xor_si256(_mm256_xor_si256(a.first, b.first), set_u32(c)),
            _mm256_xor_si256(_mm256_xor_si256(a.second, b.second), set_u32(c))};
  }

  static D load_f64(const double* p) { return {_mm256_loadu_pd(p), _mm256_loadu_pd(p + 4)}; }
  static void store_f64(double* p, D d) {
    _mm256_storeu_pd(p, d.low);
    _mm256_storeu_pd(p + 4, d.high);
  }
  static D add_product(D d, F a, F b) {
    return {_mm256_fmadd_pd(low64(a), low64(b), d.low),
            _mm256_fmadd_pd(high64(a), high64(b), d.high)};
  }
  static D add_f64(D d, F a) {
    return {_mm256_add_pd(d.low, low64(a)), _mm256_add_pd(d.high, high64(a))};
  }
  static D add_kept_f64(D d, M m, F a) { return add_f64(d, keep(m, a)); }
  static D add_size(D d, F a) {
    const __m256d sign = _mm256_set1_pd(-0.0);
    return {_mm256_add_pd(d.low, _mm256_andnot_pd(sign, low64(a))),
            _mm256_add_pd(d.high, _mm256_andnot_pd(sign, high64(a)))};
  }

 private:
  // Lanes whose bit of `each` is one of `bits`.
  static M where_set(uint32_t bits, U each) {
    const U set = _mm256_and_si256(_mm256_set1_epi32(static_cast<int>(bits)), each);
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, each));
  }
  static U high_halves() { return _mm256_set1_epi32(static_cast<int>(0xFFFF0000u)); }
  // To nearest even in the upper halves; the lower ones are no use.
  static U rounded(F f) {
    const U bits = as_u32(f);
    const U odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    return _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
  }
  static void store_halves(void* p, U u) {
    store128(p, _mm_packus_epi32(_mm256_castsi256_si128(u), _mm256_extracti128_si256(u, 1)));
  }
  static __m128i load128(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
  static void store128(void* p, __m128i v) { _mm_storeu_si128(static_cast<__m128i*>(p), v); }
  static __m256d low64(F a) { return _mm256_cvtps_pd(_mm256_castps256_ps128(a)); }
  static __m256d high64(F a) { return _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1)); }
};

}  // namespace
