// linear_columns: y = w0[j]*x0 + w1[j]*x1 + ..., or base + w0[j]*(x0 - base) + ... with a base;
// the weights belong to the column j of the element. The last pass of methods that treat every
// column of a matrix as a vector of its own.
//
// Order: products and sums in input order, each rounded to binary32; then the base is added.
// Where all inputs are equal in a column that averages, the result is the first input (no base).
// NaN: see nonfinite.h. Memory: one pass; the weights are rows of a tile.
#pragma once

#include "nonfinite.h"

namespace {

using weightloom::ColumnArgs;

template <class V, class C, class At>
ANYWHERE inline typename V::F column_term(const ColumnArgs& a, At at, typename V::F base,
                                          uint32_t m) {
  auto x = at.load(a.inputs[m]);
  if (a.base != nullptr) x = V::sub(x, base);
  const Some<V, F32> weight{at.at, at.live};
  return V::mul(weight.load(a.weights[m]), x);
}

// Lanes whose column averages and whose inputs are all equal.
template <class V, class At>
ANYWHERE inline typename V::M columns_agree(const ColumnArgs& a, At at) {
  const Some<V, F32> mean{at.at, at.live};
  const auto first = at.load(a.inputs[0]);
  auto same = V::greater(mean.load(a.means), V::set(0.0f));
  for (uint32_t m = 0; m < a.input_count; ++m) {
    same = V::both(same, V::equal(at.load(a.inputs[m]), first));
  }
  return same;
}

template <class V, class C>
ANYWHERE void linear_columns(const ColumnArgs& a) {
  walk<V, C>(a.n, [&](auto at) INLINED {
    const auto base = a.base == nullptr ? V::set(0.0f) : at.load(a.base);
    auto sum = column_term<V, C>(a, at, base, 0);
    for (uint32_t m = 1; m < a.input_count; ++m) {
      sum = V::add(sum, column_term<V, C>(a, at, base, m));
    }
    if (a.base != nullptr) {
      sum = V::select(V::equal(sum, V::set(0.0f)), base, V::add(base, sum));
    } else {
      sum = V::select(columns_agree<V>(a, at), at.load(a.inputs[0]), sum);
    }
    put<V>(at, a, sum, a.base, a.inputs, a.input_count);
  });
}

}  // namespace
