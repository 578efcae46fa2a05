// A slow, independent account of the stored float formats: all their values in a table, rounding by
// searching it. Shares nothing with native/codecs.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace weightloom_test {

struct SmallFloat {
  const char* name;
  int codec;
  int bits;  // of the whole format
  int mantissa_bits;
  int bias;
  bool infinite;  // all-ones exponents mean infinity and NaN; else S.1..1 alone is NaN
};

constexpr SmallFloat kSmallFloats[] = {{"f16", 1, 16, 10, 15, true},
                                       {"bf16", 2, 16, 7, 127, true},
                                       {"e4m3", 3, 8, 3, 7, false},
                                       {"e5m2", 4, 8, 2, 15, true}};

inline uint32_t sign_bit(const SmallFloat& f) { return 1u << (f.bits - 1); }

// The pattern of infinity, or the NaN pattern of a format without: the first that is no number.
inline uint32_t first_nonfinite(const SmallFloat& f) {
  const uint32_t top = sign_bit(f) - 1;
  return f.infinite ? top >> f.mantissa_bits << f.mantissa_bits : top;
}

// The value of a pattern without its sign, as if every exponent meant a number.
inline double value_of(const SmallFloat& f, uint32_t pattern) {
  const int exponent = static_cast<int>(pattern >> f.mantissa_bits);
  const auto mantissa = static_cast<double>(pattern & ((1u << f.mantissa_bits) - 1));
  const double unit = std::ldexp(1.0, -f.mantissa_bits);
  if (exponent == 0) return std::ldexp(mantissa * unit, 1 - f.bias);
  return std::ldexp(1.0 + mantissa * unit, exponent - f.bias);
}

// Values of all patterns from 0 to the first that is no number: the last bounds the overflow.
inline std::vector<double> values_of(const SmallFloat& f) {
  std::vector<double> values;
  for (uint32_t p = 0; p <= first_nonfinite(f); ++p) values.push_back(value_of(f, p));
  return values;
}

// To nearest, ties to the even pattern; beyond the largest: infinity, or the largest without one.
inline uint32_t round_to(const SmallFloat& f, const std::vector<double>& values, float x) {
  const uint32_t sign = std::signbit(x) ? sign_bit(f) : 0;
  const double magnitude = std::fabs(static_cast<double>(x));
  const auto above = std::lower_bound(values.begin(), values.end(), magnitude);
  const auto largest = static_cast<uint32_t>(values.size() - 2);
  const uint32_t beyond = f.infinite ? first_nonfinite(f) : largest;
  if (above == values.end()) return sign | beyond;
  auto pattern = static_cast<uint32_t>(above - values.begin());
  if (*above != magnitude) {
    const double up = *above - magnitude, down = magnitude - *(above - 1);
    if (down < up || (down == up && pattern % 2 == 1)) --pattern;
  }
  return sign | (pattern > largest ? beyond : pattern);
}

}  // namespace weightloom_test
