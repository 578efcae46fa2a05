// sce: select, calculate, erase
//
// SCE (Wan et al. 2024, FuseChat 3.0) as mergekit computes it. d_i = x_i - base, dropped to +0
// where the mask of selected elements has no bit. The elected sign is + where the sum of d_i (input
// order) is >= 0, else -; model i agrees where d_i has that sign.
// y = base + (sum of s_i*d_i over agreeing i) / max(sum of s_i over agreeing i, 1e-6), s_i being
// the models' shares. Every step rounds once to binary32. sce_variance: the bits of the population
// variance of the deltas of an element, as keys of the selection: mean = sum / N, then the sum of
// squared differences, / N; NaN counts as largest. Zeros: where the combined delta is 0 the result
// is the base itself. NaN: a NaN vote gives NaN. Memory: one pass each.
#pragma once

#include "delta.h"
#include "nonfinite.h"

namespace {

using weightloom::SceArgs;
using weightloom::SceVarianceArgs;

template <class V, class C, class At>
ANYWHERE inline typename V::F selected_delta(const SceArgs& a, At at, typename V::F base,
                                             uint32_t m) {
  const auto d = V::sub(at.load(a.inputs[m]), base);
  return a.mask == nullptr ? d : V::keep(mask_at<V>(a.mask, at.at), d);
}

template <class V, class C, class At>
ANYWHERE INLINED inline void sce_step(const SceArgs& a, At at) {
  const auto zero = V::set(0.0f);
  const auto base = at.load(a.base);
  auto vote = selected_delta<V, C>(a, at, base, 0);
  for (uint32_t m = 1; m < a.input_count; ++m) {
    vote = V::add(vote, selected_delta<V, C>(a, at, base, m));
  }
  const auto sign = V::select(V::at_least(vote, zero), V::set(1.0f), V::set(-1.0f));
  auto sum = zero;
  auto share = zero;
  for (uint32_t m = 0; m < a.input_count; ++m) {
    const auto d = selected_delta<V, C>(a, at, base, m);
    const auto agrees = V::greater(V::mul(d, sign), zero);
    sum = V::add(sum, V::keep(agrees, V::mul(V::set(a.shares[m]), d)));
    share = V::add(share, V::keep(agrees, V::set(a.shares[m])));
  }
  const auto least = V::set(1e-6f);
  auto delta = V::div(sum, V::select(V::less(share, least), least, share));
  delta = V::select(V::is_nan(vote), vote, delta);
  const auto y = V::select(V::equal(delta, zero), base, V::add(base, delta));
  put<V>(at, a, y, a.base, a.inputs, a.input_count);
}

template <class V, class C>
ANYWHERE void sce(const SceArgs& a) {
  walk<V, C>(a.n, [&](auto at) { sce_step<V, C>(a, at); });
}

template <class V, class C>
ANYWHERE void sce_variance(const SceVarianceArgs& a) {
  walk<V, C>(a.n, [&](auto at) {
    const auto models = V::set(static_cast<float>(a.input_count));
    const auto base = at.load(a.base);
    auto mean = V::sub(at.load(a.inputs[0]), base);
    for (uint32_t m = 1; m < a.input_count; ++m) {
      mean = V::add(mean, V::sub(at.load(a.inputs[m]), base));
    }
    mean = V::div(mean, models);
    auto squares = V::set(0.0f);
    for (uint32_t m = 0; m < a.input_count; ++m) {
      const auto off = V::sub(V::sub(at.load(a.inputs[m]), base), mean);
      squares = V::add(squares, V::mul(off, off));
    }
    const auto variance = V::div(squares, models);
    const auto bits = V::as_u32(V::abs(variance));
    at.store_u32(a.keys, V::select_u32(V::is_nan(variance), V::set_u32(0x7FFFFFFFu), bits));
  });
}

}  // namespace
