// Two registers as one vector of twice the lanes, for kernels that go over bf16 element by element:
// a 32-bit word holds an even and an odd element, so that widening is a shift and a mask, narrowing
// the same, and nothing crosses lanes. It has the operations that such kernels use, with the
// contract's rules; lanes stand in the order of their elements in memory only.
//
// A vector type takes part that offers both of these for the elements of 2 * lanes words of bf16:
//   load_bf16_pair(in, even, odd)      store_bf16_pair(out, even, odd), none of them NaN
#pragma once

#include <type_traits>

#include "../codecs/codecs.h"

namespace {

template <class V>
struct Pair {
  static constexpr int lanes = 2 * V::lanes;
  struct F {
    typename V::F even, odd;
  };
  struct M {
    typename V::M even, odd;
  };

  static F set(float x) { return {V::set(x), V::set(x)}; }
  static F load(const void* p) {
    float even[V::lanes], odd[V::lanes];
    for (int i = 0; i < V::lanes; ++i) {
      std::memcpy(even + i, static_cast<const char*>(p) + 8 * i, 4);
      std::memcpy(odd + i, static_cast<const char*>(p) + 8 * i + 4, 4);
    }
    return {V::load(even), V::load(odd)};
  }
  static void store(void* p, F f) {
    float even[V::lanes], odd[V::lanes];
    V::store(even, f.even);
    V::store(odd, f.odd);
    for (int i = 0; i < V::lanes; ++i) {
      std::memcpy(static_cast<char*>(p) + 8 * i, even + i, 4);
      std::memcpy(static_cast<char*>(p) + 8 * i + 4, odd + i, 4);
    }
  }
  static F load_bf16(const void* p) {
    F f;
    V::load_bf16_pair(p, f.even, f.odd);
    return f;
  }
  static void store_bf16(void* p, F f) {
    float each[lanes];
    store(each, f);
    for (int i = 0; i < lanes; i += V::lanes) {
      V::store_bf16(static_cast<char*>(p) + 2 * i, V::load(each + i));
    }
  }
  static void store_bf16_number(void* p, F f) { V::store_bf16_pair(p, f.even, f.odd); }

  static F add(F a, F b) { return {V::add(a.even, b.even), V::add(a.odd, b.odd)}; }
  static F sub(F a, F b) { return {V::sub(a.even, b.even), V::sub(a.odd, b.odd)}; }
  static F mul(F a, F b) { return {V::mul(a.even, b.even), V::mul(a.odd, b.odd)}; }
  static F div(F a, F b) { return {V::div(a.even, b.even), V::div(a.odd, b.odd)}; }
  static F abs(F a) { return {V::abs(a.even), V::abs(a.odd)}; }

  static M less(F a, F b) { return {V::less(a.even, b.even), V::less(a.odd, b.odd)}; }
  static M not_less(F a, F b) { return {V::not_less(a.even, b.even), V::not_less(a.odd, b.odd)}; }
  static M greater(F a, F b) { return {V::greater(a.even, b.even), V::greater(a.odd, b.odd)}; }
  static M at_least(F a, F b) { return {V::at_least(a.even, b.even), V::at_least(a.odd, b.odd)}; }
  static M equal(F a, F b) { return {V::equal(a.even, b.even), V::equal(a.odd, b.odd)}; }
  static M is_nan(F a) { return {V::is_nan(a.even), V::is_nan(a.odd)}; }
  static M both(M a, M b) { return {V::both(a.even, b.even), V::both(a.odd, b.odd)}; }
  static M either(M a, M b) { return {V::either(a.even, b.even), V::either(a.odd, b.odd)}; }
  static F keep(M m, F a) { return {V::keep(m.even, a.even), V::keep(m.odd, a.odd)}; }
  static F add_kept(F sum, M m, F a) {
    return {V::add_kept(sum.even, m.even, a.even), V::add_kept(sum.odd, m.odd, a.odd)};
  }
  static F select(M m, F a, F b) {
    return {V::select(m.even, a.even, b.even), V::select(m.odd, a.odd, b.odd)};
  }
  static bool every(M m) { return V::every(V::both(m.even, m.odd)); }
};

template <class V, class C>
struct Widest {
  using type = V;
};

template <class V, class C>
requires std::is_same_v<C, Bf16> && requires(typename V::F f) { V::load_bf16_pair("", f, f); }
struct Widest<V, C> {
  using type = Pair<V>;
};

// What a kernel over elements stored by C goes by, where it needs no order of lanes.
template <class V, class C>
using Paired = typename Widest<V, C>::type;

}  // namespace
