// ram: average what several models changed, keep (or boost) what only one did
//
// RAM and RAM+ as mergekit computes them. d_i = x_i - base; model i is
// active where |d_i| > epsilon; c counts the active models of an element.
// y = base + sum over active i, in input order, of d_i * (c == 1 ? boost_i : 1/c).
// ram has boost 1; ramplus_tl takes 1 + r * min(shared_i / max(unique_i, epsilon), alpha) from the
// counts that ram_count gathers. Every step rounds once to binary32; 1/c is rounded too.
// Zeros: where the sum is 0 the result is the base itself. A NaN delta is never active, but it is
// added all the same, which keeps it. Memory: one pass each.
#pragma once

#include "../simd/bits.h"
#include "nonfinite.h"

namespace {

using weightloom::RamArgs;
using weightloom::RamCountArgs;

// How many models are active, as a number, lane by lane.
template <class V, class At>
ANYWHERE inline typename V::F active_count(At at, const void* const* inputs, uint32_t count,
                                           typename V::F base, typename V::F epsilon) {
  auto active = V::set(0.0f);
  for (uint32_t m = 0; m < count; ++m) {
    const auto d = V::sub(at.load(inputs[m]), base);
    active = V::add(active, V::keep(V::greater(V::abs(d), epsilon), V::set(1.0f)));
  }
  return active;
}

template <class V, class C, class At>
ANYWHERE INLINED inline void ram_step(const RamArgs& a, At at) {
  const auto one = V::set(1.0f);
  const auto zero = V::set(0.0f);
  const auto epsilon = V::set(a.epsilon);
  const auto base = at.load(a.base);
  const auto count = active_count<V>(at, a.inputs, a.input_count, base, epsilon);
  const auto single = V::equal(count, one);
  const auto part = V::div(one, V::select(V::equal(count, zero), one, count));
  auto sum = zero;
  for (uint32_t m = 0; m < a.input_count; ++m) {
    const auto d = V::sub(at.load(a.inputs[m]), base);
    const auto factor = V::select(single, V::set(a.boosts[m]), part);
    const auto term = V::keep(V::greater(V::abs(d), epsilon), V::mul(d, factor));
    sum = V::add(sum, V::select(V::is_nan(d), d, term));
  }
  const auto y = V::select(V::equal(sum, zero), base, V::add(base, sum));
  put<V>(at, a, y, a.base, a.inputs, a.input_count);
}

template <class V, class C>
ANYWHERE void ram(const RamArgs& a) {
  using P = Paired<V, C>;
  walk<P, C>(a.n, [&](auto at) INLINED { ram_step<P, C>(a, at); });
}

template <class V, class C>
ANYWHERE void ram_count(const RamCountArgs& a) {
  walk<V, C>(a.n, [&](auto at) {
    const auto epsilon = V::set(a.epsilon);
    const auto base = at.load(a.base);
    const auto count = active_count<V>(at, a.inputs, a.input_count, base, epsilon);
    const uint32_t single = V::bits(V::equal(count, V::set(1.0f)));
    for (uint32_t m = 0; m < a.input_count; ++m) {
      const auto d = V::sub(at.load(a.inputs[m]), base);
      const uint32_t active = V::bits(V::greater(V::abs(d), epsilon));
      a.unique[m] += count_ones(active & single);
      a.shared[m] += count_ones(active & ~single);
    }
  });
}

}  // namespace
