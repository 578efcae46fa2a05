// What a vector type must offer. Kernels are templates over such a type and use nothing else, so
// this list (some fifty operations) is all that a new instruction set has to write.
//
//   lanes            how many f32 values a register holds; divides 16
//   F  U  M          registers of f32, of u32, and of truth values, `lanes` each
//   D                `lanes` f64 accumulators
//   W                `lanes` u64 values, spread over as many registers as that takes
//
// Rules. Every arithmetic operation rounds once, to nearest even; none is fused, none flushes
// denormals. Comparisons with NaN are false. Loads and stores need no alignment. Integer lanes
// wrap. Stores to f16 and bf16 round to nearest even, overflow to infinity, and keep a NaN's sign
// and top payload bits with the quiet bit set. The scalar type is the same contract with one lane,
// and so the same kernels instantiated with it are the oracle of all others.
#pragma once

#include <cstddef>
#include <cstdint>

#include "anywhere.h"

namespace {

template <class V>
concept Vector = requires(const void* in, void* out, typename V::F f, typename V::U u,
                          typename V::M m, typename V::D d, typename V::W wide, double* sums,
                          float x, uint32_t w, const typename V::U (&words)[4],
                          const uint32_t* table) {
  requires 16 % V::lanes == 0;
  // f32 lanes
  {V::set(x)};
  {V::load(in)};
  {V::store(out, f)};
  {V::load_f16(in)};
  {V::store_f16(out, f)};
  {V::load_bf16(in)};
  {V::store_bf16(out, f)};
  {V::store_bf16_number(out, f)};  // no lane is NaN
  {V::add(f, f)};
  {V::sub(f, f)};
  {V::mul(f, f)};
  {V::div(f, f)};
  {V::abs(f)};
  // comparisons and choices
  {V::less(f, f)};
  {V::not_less(f, f)};  // true with NaN
  {V::greater(f, f)};
  {V::at_least(f, f)};
  {V::equal(f, f)};
  {V::is_nan(f)};
  {V::both(m, m)};
  {V::either(m, m)};
  {V::keep(m, f)};         // the lane where true, +0 elsewhere
  {V::add_kept(f, m, f)};  // with the third where true, with +0 elsewhere; the first is not -0
  {V::select(m, f, f)};    // second argument where true, third elsewhere
  {V::bits(m)};            // lane i as bit i
  {V::mask(w)};            // and back
  {V::every(m)};           // whether all lanes are true
  // u32 lanes
  {V::set_u32(w)};
  {V::iota(w)};  // w, w + 1, ...
  {V::as_u32(f)};
  {V::load_u32(in)};
  {V::store_u32(out, u)};
  // The lanes whose bit is set, one after another; what `lanes` values cover beyond is clobbered.
  {V::store_chosen_u32(out, w, u)};
  {V::store_woven(out, words)};  // lane 0 of all four, lane 1 of all four, ...
  {V::add_u32(u, u)};
  {V::sub_u32(u, u)};
  {V::shift_left_u32(u, 1)};
  {V::shift_right_u32(u, 1)};
  {V::xor_u32(u, u)};
  {V::min_u32(u, u)};
  {V::max_u32(u, u)};
  {V::less_u32(u, u)};
  {V::equal_u32(u, u)};
  {V::select_u32(m, u, u)};
  // u64 lanes; only the low halves count where nothing else is said
  {V::widen(u)};
  {V::narrow(wide)};          // the low halves
  {V::mul_wide(wide, wide)};  // of the low halves, all 64 bits
  {V::high_wide(wide)};       // the high halves
  {V::set_wide(w)};
  {V::xor_wide(wide, wide, w)};  // with the same word in every lane
  // f64 accumulators
  {V::load_f64(sums)};
  {V::store_f64(sums, d)};
  {V::add_product(d, f, f)};  // d + f64(a) * f64(b): the product is exact, so one rounding
  {V::add_f64(d, f)};
  {V::add_kept_f64(d, m, f)};  // where true; the other lanes stay
  {V::add_size(d, f)};         // d + |f64(f)|
};

// Only where 64-bit lanes are multiplied at once; kernels do without it elsewhere.
template <class V>
concept WideMultiplier = requires(typename V::W wide, const uint8_t* const* messages,
                                  uint64_t* lanes, size_t at) {
  {V::load_u64(lanes)};
  {V::store_u64(lanes, wide)};
  {V::load_stripes(messages, at)};  // 32 bytes from `at` on of lanes / 4 messages
  {V::add_u64(wide, wide)};
  {V::mul_u64(wide, uint64_t{1})};  // the low 64 bits
  {V::template rotate_u64<31>(wide)};
};

// Only where bits are spread out at once; kernels do without it elsewhere.
template <class V>
concept Depositor = requires(uint32_t bits, uint64_t places) {
  {V::deposit(bits, places)};  // bit i to the place of the i-th bit of `places`
};

}  // namespace
