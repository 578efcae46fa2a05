// linear: y = (w0*x0 + w1*x1 + ...) [/ divisor]
//
// Weighted average (Wortsman et al. 2022, model soups) and every method whose output is a linear
// combination with scalar coefficients: slerp, scaled passthrough, dtype conversion.
//
// Order: products and sums in input order, each rounded to binary32; then one division.
// mean: where all inputs of an element are equal as numbers the result is the first input itself;
// a rounded average of equal numbers need not be. Set by the planner when the coefficients sum
// to 1. NaN: see nonfinite.h. Zeros: as IEEE sums give them. Memory: one pass, every input read
// once, the output written once.
#pragma once

#include "nonfinite.h"

namespace {

using weightloom::LinearArgs;

// With a known number of inputs (0: any) the loop over them is none. mean: what is equal in all
// inputs stays.
template <class V, class C, uint32_t known, bool mean>
ANYWHERE void linear_of(const LinearArgs& a) {
  using F = typename V::F;
  const uint32_t count = known == 0 ? a.input_count : known;
  walk<V, C>(a.n, [&](auto at) INLINED {
    const F first = at.load(a.inputs[0]);
    F sum = V::mul(V::set(a.weights[0]), first);
    typename V::M same{};
    if (mean && known == 0) same = V::equal(first, first);
    for (uint32_t m = 1; m < count; ++m) {
      const F x = at.load(a.inputs[m]);
      sum = V::add(sum, V::mul(V::set(a.weights[m]), x));
      if (!mean) continue;
      same = known != 0 && m == 1 ? V::equal(x, first) : V::both(same, V::equal(x, first));
    }
    if (a.divide) sum = V::div(sum, V::set(a.divisor));
    if (mean) sum = V::select(same, first, sum);
    put<V>(at, a, sum, nullptr, a.inputs, a.input_count);
  });
}

template <class V, class C, bool mean>
ANYWHERE void linear_by_count(const LinearArgs& a) {
  switch (a.input_count) {
    case 2:
      return linear_of<V, C, 2, mean>(a);
    case 3:
      return linear_of<V, C, 3, mean>(a);
    default:
      return linear_of<V, C, 0, mean>(a);
  }
}

template <class V, class C>
ANYWHERE void linear(const LinearArgs& a) {
  using P = Paired<V, C>;
  return a.mean ? linear_by_count<P, C, true>(a) : linear_by_count<P, C, false>(a);
}

}  // namespace
