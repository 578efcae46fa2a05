// ties: elect a sign, then combine what agrees with it
//
// TIES-merging (Yadav et al. 2023) as mergekit computes it: e_i = w_i * d_i (trimmed and rescaled
// as in task_arithmetic.h), s = sum of e_i in input order; the elected sign is + where s >= 0, else
// - (a NaN sum elects -). An input agrees where e_i > 0 (or < 0); an exact zero never agrees.
// m = sum of the agreeing e_i, q = sum of their shares (w_i, or 1
// each), both in input order; q counts as 1 where it is
// 0. With normalize m = m / q; then lambda and base as in task_arithmetic.
// NaN: where s is NaN, so is m. Every step rounds once to binary32. Memory: one pass.
#pragma once

#include "task_arithmetic.h"

namespace {

template <class V>
inline typename V::F elect(const TaskArgs& a, const typename V::F* deltas, uint32_t count) {
  using F = typename V::F;
  const F zero = V::set(0.0f);
  F vote = deltas[0];
  for (uint32_t m = 1; m < count; ++m) vote = V::add(vote, deltas[m]);
  const F sign = V::select(V::at_least(vote, zero), V::set(1.0f), V::set(-1.0f));
  F sum = zero;
  F weight = zero;
  for (uint32_t m = 0; m < count; ++m) {
    const auto agrees = V::greater(V::mul(deltas[m], sign), zero);
    sum = V::add_kept(sum, agrees, deltas[m]);
    if (a.normalize) weight = V::add_kept(weight, agrees, V::set(a.shares[m]));
  }
  sum = V::select(V::is_nan(vote), vote, sum);
  if (!a.normalize) return sum;
  return V::div(sum, V::select(V::equal(weight, zero), V::set(1.0f), weight));
}

// With a known number of models (0: any) their deltas stay in registers.
template <class V, class C, uint32_t known, Extras extras>
void ties_of(const TaskArgs& a) {
  const uint32_t count = known == 0 ? a.input_count : known;
  walk<V, C>(a.n, [&](auto at) {
    typename V::F deltas[known == 0 ? weightloom::kMaxTaskInputs : known];
    const auto base = at.load(a.base);
    for (uint32_t m = 0; m < count; ++m) {
      deltas[m] = weighted_delta<V, C, extras>(a, at, base, m);
    }
    apply_delta<V, C>(a, at, base, elect<V>(a, deltas, count));
  });
}

template <class V, class C, Extras extras>
void ties_by_count(const TaskArgs& a) {
  switch (a.input_count) {
    case 1:
      return ties_of<V, C, 1, extras>(a);
    case 2:
      return ties_of<V, C, 2, extras>(a);
    case 3:
      return ties_of<V, C, 3, extras>(a);
    case 4:
      return ties_of<V, C, 4, extras>(a);
    default:
      return ties_of<V, C, 0, extras>(a);
  }
}

template <class V, class C>
void ties(const TaskArgs& a) {
  switch (extras_of(a)) {
    case Extras::none:
      return ties_by_count<Paired<V, C>, C, Extras::none>(a);
    case Extras::masks:
      return ties_by_count<Paired<V, C>, C, Extras::masks>(a);
    case Extras::masks_and_factors:
      return ties_by_count<V, C, Extras::masks_and_factors>(a);
  }
}

}  // namespace
