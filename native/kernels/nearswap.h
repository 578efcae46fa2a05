// nearswap: g = t / |base - x| held to [0, 1]; y = g*x + (1 - g)*base
//
// alchemonaut's NearSwap as mergekit computes it: where the models are close, take the other one.
// Order: d = |base - x|, at least 1e-6; g = t / d, at most 1, at least 0; the two products and
// their sum, each rounded to binary32. Where g is 1 the result is x, where it is 0 or the two are
// equal it is the base, exactly. NaN: a NaN in either makes the result NaN; see nonfinite.h.
// Memory: one pass.
#pragma once

#include "nonfinite.h"

namespace {

using weightloom::NearswapArgs;

template <class V, class C, class At>
ANYWHERE INLINED inline void nearswap_step(const NearswapArgs& a, At at) {
  const auto one = V::set(1.0f);
  const auto zero = V::set(0.0f);
  const auto least = V::set(1e-6f);
  const auto base = at.load(a.base);
  const auto x = at.load(a.x);
  auto distance = V::abs(V::sub(base, x));
  distance = V::select(V::less(distance, least), least, distance);
  auto share = V::div(V::set(a.t), distance);
  share = V::select(V::less(share, zero), zero, share);
  share = V::select(V::greater(share, one), one, share);
  auto y = V::add(V::mul(share, x), V::mul(V::sub(one, share), base));
  y = V::select(V::equal(share, one), x, y);
  y = V::select(V::either(V::equal(share, zero), V::equal(x, base)), base, y);
  put<V>(at, a, y, a.base, &a.x, 1);
}

template <class V, class C>
ANYWHERE void nearswap(const NearswapArgs& a) {
  using P = Paired<V, C>;
  walk<P, C>(a.n, [&](auto at) INLINED { nearswap_step<P, C>(a, at); });
}

}  // namespace
