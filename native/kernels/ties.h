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

// delta(m): the weighted delta of model m. known: how many models there are, where that is known.
template <class V, uint32_t known, class Delta>
ANYWHERE INLINED inline typename V::F elect(const TaskArgs& a, uint32_t count, Delta delta) {
  using F = typename V::F;
  const F zero = V::set(0.0f);
  F vote = delta(0);
  UNROLL(known == 0 ? 1 : known)
  for (uint32_t m = 1; m < count; ++m) vote = V::add(vote, delta(m));
  const F sign = V::select(V::at_least(vote, zero), V::set(1.0f), V::set(-1.0f));
  F sum = zero;
  F weight = zero;
  UNROLL(known == 0 ? 1 : known)
  for (uint32_t m = 0; m < count; ++m) {
    const F mine = delta(m);
    const auto agrees = V::greater(V::mul(mine, sign), zero);
    sum = V::add_kept(sum, agrees, mine);
    if (a.normalize) weight = V::add_kept(weight, agrees, V::set(a.shares[m]));
  }
  sum = V::select(V::is_nan(vote), vote, sum);
  if (!a.normalize) return sum;
  return V::div(sum, V::select(V::equal(weight, zero), V::set(1.0f), weight));
}

// With a known number of models (0: any) their deltas stay in registers; a thread of a GPU, which
// has no room for any number of them, makes them twice.
template <class V, class C, uint32_t known, Extras extras>
ANYWHERE void ties_of(const TaskArgs& a) {
  const uint32_t count = known == 0 ? a.input_count : known;
  walk<V, C>(a.n, [&](auto at) INLINED {
    const auto base = at.load(a.base);
    const auto make = [&](uint32_t m) { return weighted_delta<V, C, extras>(a, at, base, m); };
    if constexpr (known == 0 && Shared<V>) {
      apply_delta<V, C>(a, at, base, elect<V, known>(a, count, make));
    } else {
      typename V::F deltas[known == 0 ? weightloom::kMaxTaskInputs : known];
      UNROLL(known == 0 ? 1 : known)
      for (uint32_t m = 0; m < count; ++m) deltas[m] = make(m);
      const auto made = [&](uint32_t m) { return deltas[m]; };
      apply_delta<V, C>(a, at, base, elect<V, known>(a, count, made));
    }
  });
}

template <class V, class C, Extras extras>
ANYWHERE void ties_by_count(const TaskArgs& a) {
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
ANYWHERE void ties(const TaskArgs& a) {
  switch (extras_of(a)) {
    case Extras::none:
      return ties_by_count<Paired<V, C>, C, Extras::none>(a);
    case Extras::masks:
      return ties_by_count<Paired<V, C>, C, Extras::masks>(a);
    case Extras::any:
      return ties_by_count<V, C, Extras::any>(a);
  }
}

}  // namespace
