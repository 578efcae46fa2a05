// sine, cosine, arc_cosine, exponential and logarithm are within 1 ulp of the long double functions
// of the C library, and keep NaN.
#include "../engine/angles.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <initializer_list>

#include "check.h"
#include "random_words.h"

using namespace weightloom;
using namespace weightloom_test;

namespace {

// What the library's own rounding can add to a measured error; large where long double is double.
constexpr long double kSlack = LDBL_MANT_DIG > 53 ? 0.001L : 0.5L;

struct Function {
  const char* name;
  double (*ours)(double);
  long double (*theirs)(long double);
  double low, high;
  long double worst = 0;
};

long double unit_in_last_place(long double x) {
  int exponent;
  std::frexp(x, &exponent);
  return std::ldexp(1.0L, std::max(exponent - 53, -1074));
}

void check_at(Function& f, double x) {
  if (!(x >= f.low && x <= f.high)) return;
  const long double want = f.theirs(x);
  const long double error = std::fabs(f.ours(x) - want) / unit_in_last_place(want);
  if (error > f.worst) f.worst = error;
  CHECK_THAT(error <= 1 + kSlack, "%s(%a): off by %.3Lf ulp", f.name, x, error);
}

void check_around(Function& f, double x) {
  double below = x, above = x;
  check_at(f, x);
  for (int i = 0; i < 8; ++i) {
    below = std::nextafter(below, -HUGE_VAL);
    above = std::nextafter(above, HUGE_VAL);
    check_at(f, below);
    check_at(f, above);
  }
}

void check_function(Function& f) {
  RandomWords random(3);
  for (int i = 0; i <= 400; ++i) check_around(f, f.low + (f.high - f.low) * i / 400);
  // Multiples of pi/4, where quadrants change and results come near 0.
  for (int i = 0; i < 127'000; i += 1 + i / 500) check_around(f, i * 0.78539816339744830962);
  for (const double x : {-1.0, -0.5, 0.0, 0.5, 1.0, 1e-300, 1e-20, 1e-9, -1e-9, 1 - 1e-9}) {
    check_around(f, x);
  }
  for (int i = 0; i < 100'000; ++i) {
    const double u = static_cast<double>(random.next() >> 11) * 0x1p-53;
    check_at(f, f.low + (f.high - f.low) * u);
    check_at(f, u * 3.2);
    check_at(f, u * u * u);
    check_at(f, std::ldexp(u, -static_cast<int>(random.below(60))));
    check_at(f, 1 - std::ldexp(u, -static_cast<int>(random.below(52))));
    check_at(f, std::ldexp(u, -static_cast<int>(random.below(52))) - 1);
    check_at(f, 1 + std::ldexp(u - 0.5, -static_cast<int>(random.below(52))));
    check_at(f, std::ldexp(u + 0.5, static_cast<int>(random.below(2000)) - 1000));
    check_at(f, (u - 0.5) * 4);
  }
  std::printf("%s: worst error %.4Lf ulp\n", f.name, f.worst);
}

}  // namespace

int main() {
  Function functions[] = {{"sine", &sine, &std::sin, 0, 1e5},
                          {"cosine", &cosine, &std::cos, 0, 1e5},
                          {"arc_cosine", &arc_cosine, &std::acos, -1, 1},
                          {"exponential", &exponential, &std::exp, -700, 700},
                          {"logarithm", &logarithm, &std::log, DBL_MIN, DBL_MAX}};
  for (Function& f : functions) {
    check_function(f);
    CHECK_THAT(std::isnan(f.ours(NAN)) && std::isnan(f.ours(-NAN)), "%s", f.name);
  }
  // Found by gram_fuzz: the quadrant of a number beyond any integer was undefined.
  for (const double x : {1e19, 7.68508e+49, DBL_MAX, -1e300, HUGE_VAL}) {
    CHECK_THAT(sine(x) == sine(x) || std::isnan(sine(x)), "%g", x);
    CHECK_THAT(cosine(x) == cosine(x) || std::isnan(cosine(x)), "%g", x);
  }
  return check_result();
}
