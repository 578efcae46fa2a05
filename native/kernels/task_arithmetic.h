// task_arithmetic: y = base + lambda * (sum of w_i * d_i) [/ divisor],  d_i = x_i - base
//
// Task vectors (Ilharco et al. 2022) as mergekit combines them; with masks it is dare_linear.
// Order, for each element: d_i rounded; where a floor or a mask drops it, +0; times its own factor,
// when there are any; times the L1 rescale of the model, when there is one; times w_i; summed in
// input order; divided by the weights' sum when normalizing; times lambda when it is not 1; added
// to the base. Each step one binary32 rounding. Zeros: where the combined delta is 0 the result is
// the base itself, so a base of -0 stays -0. NaN: a NaN delta that is not dropped makes the result
// NaN; see nonfinite.h for its bits. Memory: one pass.
#pragma once

#include "delta.h"
#include "nonfinite.h"

namespace {

using weightloom::TaskArgs;

// What may change deltas beside floors and weights: nothing, masks, or masks and factors. Factors
// are binary32, and so their elements stand in a register as they are stored, not as pairs of bf16
// do.
enum class Extras { none, masks, any };

ANYWHERE inline Extras extras_of(const TaskArgs& a) {
  if (a.element_factors != nullptr) return Extras::any;
  return a.masked ? Extras::masks : Extras::none;
}

// d_i of input m, after the floors.
template <class V, class C, class At>
ANYWHERE INLINED inline typename V::F floored_delta(const TaskArgs& a, At at, typename V::F base,
                                                    uint32_t m) {
  const auto d = V::sub(at.load(a.inputs[m]), base);
  return V::keep(V::not_less(V::abs(d), V::set(a.floors[m])), d);
}

// w_i * d_i of input m, after floor, mask, factor and rescale.
template <class V, class C, Extras extras, class At>
ANYWHERE INLINED inline typename V::F weighted_delta(const TaskArgs& a, At at, typename V::F base,
                                                     uint32_t m) {
  auto d = a.floors == nullptr ? V::sub(at.load(a.inputs[m]), base)
                               : floored_delta<V, C>(a, at, base, m);
  if constexpr (extras != Extras::none) {
    if (a.masked && a.masks[m] != nullptr) {
      d = V::keep(mask_at<V>(reinterpret_cast<const uint64_t*>(a.masks[m]), at.at), d);
    }
  }
  if constexpr (extras == Extras::any) {
    if (a.element_factors != nullptr && a.element_factors[m] != nullptr) {
      d = V::mul(d, of<F32>(at).load(a.element_factors[m]));
    }
  }
  if (a.rescaled) d = V::mul(d, V::set(a.rescales[m]));
  return V::mul(d, V::set(a.weights[m]));
}

template <class V, class C, class At>
ANYWHERE INLINED inline void apply_delta(const TaskArgs& a, At at, typename V::F base,
                                         typename V::F delta) {
  if (a.lambda != 1.0f) delta = V::mul(delta, V::set(a.lambda));
  const auto y = V::select(V::equal(delta, V::set(0.0f)), base, V::add(base, delta));
  put<V>(at, a, y, a.base, a.inputs, a.input_count);
}

template <class V, class C, Extras extras>
ANYWHERE void task_of(const TaskArgs& a) {
  walk<V, C>(a.n, [&](auto at) INLINED {
    const auto base = at.load(a.base);
    auto sum = weighted_delta<V, C, extras>(a, at, base, 0);
    for (uint32_t m = 1; m < a.input_count; ++m) {
      sum = V::add(sum, weighted_delta<V, C, extras>(a, at, base, m));
    }
    if (a.normalize) sum = V::div(sum, V::set(a.divisor));
    apply_delta<V, C>(a, at, base, sum);
  });
}

template <class V, class C>
ANYWHERE void task_arithmetic(const TaskArgs& a) {
  switch (extras_of(a)) {
    case Extras::none:
      return task_of<Paired<V, C>, C, Extras::none>(a);
    case Extras::masks:
      return task_of<Paired<V, C>, C, Extras::masks>(a);
    case Extras::any:
      return task_of<V, C, Extras::any>(a);
  }
}

}  // namespace
