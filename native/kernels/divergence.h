// What arcee_fusion computes of rows and importances (engine/operations/arcee_fusion.cpp has the
// formulas), but for the sums, which go in order. Plain loops in binary64: compilers make vectors
// of them with each target's own instructions, and may reorder nothing.
//
// row_exponentials: each element of a row becomes exp(element - largest).
// divergence_terms: p and q from exponentials over their sums; p becomes p * log(p / q).
// importance_keys:  |x - base| * divergence in binary32, as unsigned integers in the order of
//                   floats; NaN is the largest.
// Zeros: -0 orders below +0. NaN: a row that begins with NaN is NaN as a whole; other NaN are not
// the largest. Memory: a row or a tile, in cache.
#pragma once

#include "args.h"
#include "exponential.h"

namespace {

using weightloom::DivergenceArgs;
using weightloom::ImportanceArgs;
using weightloom::RowArgs;

static inline double larger(double a, double b) { return b > a ? b : a; }

static inline double largest_of(const double* row, size_t n) {
  constexpr size_t lanes = 16;
  double most[lanes];
  for (double& each : most) each = row[0];
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (size_t lane = 0; lane < lanes; ++lane) most[lane] = larger(most[lane], row[i + lane]);
  }
  for (; i < n; ++i) most[0] = larger(most[0], row[i]);
  for (size_t lane = 1; lane < lanes; ++lane) most[0] = larger(most[0], most[lane]);
  return most[0];
}

template <class V>
void row_exponentials(const RowArgs& a) {
  const double largest = largest_of(a.row, a.n);
  double* const row = a.row;
  for (size_t i = 0; i < a.n; ++i) row[i] = exponential_of(row[i] - largest);
}

template <class V>
void divergence_terms(const DivergenceArgs& a) {
  double* const __restrict p = a.p;
  const double* const __restrict q = a.q;
  const double p_sum = a.p_sum, q_sum = a.q_sum, least = a.least;
  for (size_t i = 0; i < a.n; ++i) {
    const double own = p[i] / p_sum + least;
    const double other = q[i] / q_sum + least;
    p[i] = own * logarithm_of(own / other);
  }
}

template <class V>
void importance_keys(const ImportanceArgs& a) {
  const float* const __restrict x = a.x;
  const float* const __restrict base = a.base;
  uint32_t* const __restrict keys = a.keys;
  const float divergence = a.divergence;
  for (size_t i = 0; i < a.n; ++i) {
    const float importance = std::fabs(x[i] - base[i]) * divergence;
    uint32_t bits;
    std::memcpy(&bits, &importance, 4);
    const uint32_t key = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
    keys[i] = (bits & 0x7FFFFFFFu) > 0x7F800000u ? 0xFFFFFFFFu : key;
  }
}

}  // namespace
