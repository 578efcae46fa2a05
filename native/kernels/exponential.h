// exp and log in binary64 without calls and branches, so that loops over them become vectors; the
// same operations as lib/reference/angles.ts, one rounding each, at most 1 ulp off.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "../simd/anywhere.h"

namespace {

// ln 2 in two parts; the first has 32 significant bits, so multiples up to 2^20 are exact.
constexpr double kLn2High = 6.93147180369123816490e-01;
constexpr double kLn2Low = 1.90821492927058770002e-10;

ANYWHERE static inline double power_of_two(int exponent) {
  const uint64_t bits = static_cast<uint64_t>(exponent + 1023) << 52;
  double x;
  std::memcpy(&x, &bits, 8);
  return x;
}

// 0 below -700, infinity above 700.
ANYWHERE static inline double exponential_of(double given) {
  const double x = given >= -700.0 && given <= 700.0 ? given : 0.0;
  const double k = std::floor(x * 1.44269504088896340736 + 0.5);
  const double high = x - k * kLn2High;
  const double low = k * kLn2Low;
  const double r = high - low;
  const double lost = (high - r) - low;
  double p = 1.0 / 87178291200.0;
  p = p * r + 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  const double value = 1.0 + (r + (r * r * p + lost));
  const double inside = value * power_of_two(static_cast<int>(k));
  const double beyond = given < -700.0 ? 0.0 : given > 700.0 ? power_of_two(1024) : inside;
  return given != given ? given : beyond;
}

// Of a positive normal number; NaN stays NaN.
ANYWHERE static inline double logarithm_of(double x) {
  uint64_t bits;
  std::memcpy(&bits, &x, 8);
  const uint64_t mantissa = (bits & 0x000FFFFFFFFFFFFFull) | 0x3FF0000000000000ull;
  double m;
  std::memcpy(&m, &mantissa, 8);
  const bool upper = m > 1.4142135623730951;
  const double f = (upper ? m * 0.5 : m) - 1.0;
  const double k = static_cast<double>(static_cast<int>(bits >> 52) - 1023 + (upper ? 1 : 0));
  const double s = f / (2.0 + f);
  const double z = s * s;
  double p = 2.0 / 23.0;
  p = p * z + 2.0 / 21.0;
  p = p * z + 2.0 / 19.0;
  p = p * z + 2.0 / 17.0;
  p = p * z + 2.0 / 15.0;
  p = p * z + 2.0 / 13.0;
  p = p * z + 2.0 / 11.0;
  p = p * z + 2.0 / 9.0;
  p = p * z + 2.0 / 7.0;
  p = p * z + 2.0 / 5.0;
  p = p * z + 2.0 / 3.0;
  const double half_square = 0.5 * f * f;
  const double small = s * (half_square + z * p) + k * kLn2Low;
  const double value = k * kLn2High - ((half_square - small) - f);
  return x != x ? x : value;
}

}  // namespace
