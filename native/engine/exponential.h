// exp and log as angles.h has them: a header, as GPUs compute them too.
#pragma once

#include <math.h>

#include <cstdint>
#include <cstring>

#include "../simd/anywhere.h"

namespace {

// ln 2 in two parts; the first has 32 significant bits, so multiples up to 2^20 are exact.
constexpr double kLn2High = 6.93147180369123816490e-01;
constexpr double kLn2Low = 1.90821492927058770002e-10;

ANYWHERE inline double power_of_two(int exponent) {
  const uint64_t bits = static_cast<uint64_t>(exponent + 1023) << 52;
  double x;
  std::memcpy(&x, &bits, 8);
  return x;
}

ANYWHERE inline double exponential_of(double x) {
  if (x != x) return x;
  if (x < -700.0) return 0.0;
  if (x > 700.0) return power_of_two(1024);
  const double k = floor(x * 1.44269504088896340736 + 0.5);
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
  return value * power_of_two(static_cast<int>(k));
}

ANYWHERE inline double logarithm_of(double x) {
  if (x != x) return x;
  uint64_t bits;
  std::memcpy(&bits, &x, 8);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  bits = (bits & 0x000FFFFFFFFFFFFFull) | 0x3FF0000000000000ull;
  double m;
  std::memcpy(&m, &bits, 8);
  if (m > 1.4142135623730951) {
    m = m * 0.5;
    exponent = exponent + 1;
  }
  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  double p = 2.0 / 23.0;
  for (double n = 21.0; n >= 3.0; n = n - 2.0) p = p * z + 2.0 / n;
  const double half_square = 0.5 * f * f;
  const double k = static_cast<double>(exponent);
  const double small = s * (half_square + z * p) + k * kLn2Low;
  return k * kLn2High - ((half_square - small) - f);
}

}  // namespace
