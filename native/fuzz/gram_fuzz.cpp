// Coefficients of any Gram matrix, however impossible, are as many as there are vectors, and the
// same when asked for again; and sin, cos, acos, exp and log take any number.
#include "../engine/gram.h"

#include "../engine/angles.h"
#include "input.h"

using namespace weightloom;
using weightloom_fuzz::Input;
using weightloom_fuzz::insist;

namespace {

std::vector<double> parameters_of(Sphere sphere, size_t n, Input& input) {
  switch (sphere) {
    case Sphere::slerp:
    case Sphere::nuslerp:
      return {input.take<double>()};
    case Sphere::multislerp:
      return input.many<double>(1 + n);
    case Sphere::karcher:
      return {static_cast<double>(input.below(50)), input.take<double>()};
    default:
      return {};
  }
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const auto sphere = static_cast<Sphere>(input.below(5));
  const bool pair = sphere == Sphere::slerp || sphere == Sphere::nuslerp;
  const size_t n = pair ? 2 : 2 + static_cast<size_t>(input.below(4));
  const auto parameters = parameters_of(sphere, n, input);
  Gram gram(n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j <= i; ++j) gram.set(i, j, input.take<double>());
  }
  const Coefficients first = coefficients_of(sphere, gram, parameters);
  const Coefficients second = coefficients_of(sphere, gram, parameters);
  insist(same_bits(first.weights, second.weights), "another answer to the same question");
  insist(first.weights.size() >= n, "too few coefficients");
  return 0;
}
