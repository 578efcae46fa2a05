#include "angles.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#include "../kernels/exponential.h"

namespace weightloom {
namespace {

// pi/2 in three parts: the first two have 33 significant bits, so multiples up to 2^20 are exact.
constexpr double kHalfPi1 = 1.57079632673412561417e+00;
constexpr double kHalfPi2 = 6.07710050630396597660e-11;
constexpr double kHalfPi3 = 2.02226624879595063154e-21;
constexpr double kPiHigh = 3.141592653589793116;
constexpr double kPiLow = 1.2246467991473532e-16;

struct Reduced {
  int quadrant;
  double high, low;
};

// x = quadrant * pi/2 + high + low, |high| <= pi/4.
Reduced reduce(double x) {
  const double turns = std::floor(x * 0.63661977236758134308 + 0.5);
  const double first = x - turns * kHalfPi1;
  const double step = turns * kHalfPi2;
  const double rest = first - step;
  const double tail = ((first - rest) - step) - turns * kHalfPi3;
  const double high = rest + tail;
  const double low = (rest - high) + tail;
  // Beyond 2^53 turns are even, beyond 2^54 multiples of four, and what is no number has none.
  const bool counts = std::abs(turns) < 0x1p62;
  return {counts ? static_cast<int>(static_cast<int64_t>(turns) & 3) : 0, high, low};
}

// Taylor polynomials around 0; the first dropped term is below 2^-58 of the result at pi/4.
double sine_near_zero(double x, double low) {
  const double z = x * x;
  double p = -1.0 / 121645100408832000.0;
  p = p * z + 1.0 / 355687428096000.0;
  p = p * z - 1.0 / 1307674368000.0;
  p = p * z + 1.0 / 6227020800.0;
  p = p * z - 1.0 / 39916800.0;
  p = p * z + 1.0 / 362880.0;
  p = p * z - 1.0 / 5040.0;
  p = p * z + 1.0 / 120.0;
  p = p * z - 1.0 / 6.0;
  return x + (x * z * p + low * (1.0 - 0.5 * z));
}

double cosine_near_zero(double x, double low) {
  const double z = x * x;
  double p = 1.0 / 6402373705728000.0;
  p = -p * z + 1.0 / 20922789888000.0;
  p = p * z - 1.0 / 87178291200.0;
  p = p * z + 1.0 / 479001600.0;
  p = p * z - 1.0 / 3628800.0;
  p = p * z + 1.0 / 40320.0;
  p = p * z - 1.0 / 720.0;
  p = p * z + 1.0 / 24.0;
  const double half = 0.5 * z;
  const double sum = 1.0 - half;
  return sum + (((1.0 - sum) - half) + (z * z * p - x * low));
}

// arcsin(x) - x for 0 <= x <= 1/2 by its series; coefficients by recurrence.
double arc_sine_excess(double x) {
  const double z = x * x;
  double coefficients[26];
  double c = 1.0;
  for (int n = 0; n < 26; ++n) {
    c = c * (2.0 * n + 1.0) / (2.0 * n + 2.0);
    coefficients[n] = c / (2.0 * n + 3.0);
  }
  double p = 0.0;
  for (int n = 25; n >= 0; --n) p = p * z + coefficients[n];
  return x * z * p;
}

double without_low_half(double x) {
  uint64_t bits;
  std::memcpy(&bits, &x, 8);
  bits &= 0xFFFFFFFF00000000ull;
  std::memcpy(&x, &bits, 8);
  return x;
}

struct Sum {
  double high, low;
};

// arcsin(sqrt(z)) = arccos(1 - 2 z) / 2 for 0 <= z <= 1/4, as a sum: the root's leading bits, and
// the rest of the root (its rounding error put back) with the excess.
Sum arc_sine_of_root(double z) {
  if (z == 0.0) return {0.0, 0.0};
  const double root = std::sqrt(z);
  const double high = without_low_half(root);
  const double low = (z - high * high) / (root + high);
  return {high, arc_sine_excess(root) + low};
}

// from - (x + y), with the error of the first subtraction kept.
double minus(double from, double from_low, double x, double y) {
  const double difference = from - x;
  const double lost = (from - difference) - x;
  return difference + ((lost - y) + from_low);
}

}  // namespace

double sine(double x) {
  const Reduced r = reduce(x);
  const double value =
      (r.quadrant & 1) != 0 ? cosine_near_zero(r.high, r.low) : sine_near_zero(r.high, r.low);
  return r.quadrant >= 2 ? -value : value;
}

double cosine(double x) {
  const Reduced r = reduce(x);
  const double value =
      (r.quadrant & 1) != 0 ? sine_near_zero(r.high, r.low) : cosine_near_zero(r.high, r.low);
  return r.quadrant == 1 || r.quadrant == 2 ? -value : value;
}

double arc_cosine(double x) {
  if (x > 0.5) {
    const Sum half = arc_sine_of_root((1.0 - x) * 0.5);
    return 2.0 * (half.high + half.low);
  }
  if (x < -0.5) {
    const Sum half = arc_sine_of_root((1.0 + x) * 0.5);
    return minus(kPiHigh, kPiLow, 2.0 * half.high, 2.0 * half.low);
  }
  const double excess = arc_sine_excess(x < 0.0 ? -x : x);
  return minus(0.5 * kPiHigh, 0.5 * kPiLow, x, x < 0.0 ? -excess : excess);
}

double exponential(double x) { return exponential_of(x); }
double logarithm(double x) { return logarithm_of(x); }

}  // namespace weightloom
