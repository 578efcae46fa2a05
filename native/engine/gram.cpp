#include "gram.h"

#include <cmath>

#include "angles.h"

namespace weightloom {
namespace {

constexpr double kSlerpSmallNorm = 1e-8;
constexpr double kSlerpParallel = 0.9995;
constexpr double kNuslerpSmallNorm = 1e-7;
constexpr double kSmallSine = 1e-8;
constexpr double kOpposite = -1.0 + 1e-7;
constexpr double kStockFloor = 1e-6;

double clamp_cosine(double c) { return c > 1.0 ? 1.0 : c < -1.0 ? -1.0 : c; }

double larger(double a, double b) { return a > b ? a : b; }

// t outside [0, 1] makes angles negative, which `sine` does not take.
double signed_sine(double x) { return x < 0.0 ? -sine(-x) : sine(x); }

}  // namespace

bool Gram::all_equal() const {
  for (const double entry : entries_) {
    if (!(entry == entries_[0])) return false;
  }
  return true;
}

double Gram::squared_length(const std::vector<double>& coefficients) const {
  double sum = 0.0;
  for (size_t i = 0; i < n_; ++i) {
    for (size_t j = 0; j < n_; ++j) sum = sum + coefficients[i] * coefficients[j] * at(i, j);
  }
  return sum > 0.0 ? sum : 0.0;
}

Coefficients slerp_coefficients(const Gram& gram, double t) {
  const double norm_x = std::sqrt(gram.at(0, 0)), norm_y = std::sqrt(gram.at(1, 1));
  const double divide_x = norm_x > kSlerpSmallNorm ? norm_x : 1.0;
  const double divide_y = norm_y > kSlerpSmallNorm ? norm_y : 1.0;
  const double c = gram.at(0, 1) / divide_x / divide_y;
  if (!(std::fabs(c) <= kSlerpParallel)) return {{1.0 - t, t}, true};
  const double angle = arc_cosine(c);
  const double part = angle * t;
  const double whole = sine(angle);
  return {{signed_sine(angle - part) / whole, signed_sine(part) / whole}, gram.all_equal()};
}

Coefficients nuslerp_coefficients(const Gram& gram, double t) {
  const double norm_x = larger(std::sqrt(gram.at(0, 0)), kNuslerpSmallNorm);
  const double norm_y = larger(std::sqrt(gram.at(1, 1)), kNuslerpSmallNorm);
  const double c = clamp_cosine(gram.at(0, 1) / norm_x / norm_y);
  const double angle = c == c ? arc_cosine(c) : 0.0;
  const double whole = sine(angle);
  if (whole < kSmallSine || c <= kOpposite) return {{1.0 - t, t}, true};
  const double first = signed_sine((1.0 - t) * angle) / whole;
  return {{first, signed_sine(t * angle) / whole}, gram.all_equal()};
}

Coefficients multislerp_coefficients(const Gram& gram, double epsilon,
                                     const std::vector<double>& weights) {
  const size_t n = gram.size();
  std::vector<double> direction(n);
  double length = 0.0;
  for (size_t i = 0; i < n; ++i) {
    const double norm = std::sqrt(gram.at(i, i));
    direction[i] = weights[i] / (norm + epsilon);
    length = length + weights[i] * norm;
  }
  const double mean = std::sqrt(gram.squared_length(direction));
  if (!(mean >= epsilon) || mean == 0.0) return {weights, gram.all_equal()};
  const double scale = cosine(epsilon) * length / mean;
  for (double& each : direction) each = each * scale;
  return {direction, gram.all_equal()};
}

namespace {

// One participant's pull on the mean u: a * (angle / sin angle) * (u_i - cos * u), added to `step`.
void pull(const Gram& gram, size_t i, double norm, double share, double tolerance,
          const std::vector<double>& mean, std::vector<double>& step) {
  double c = 0.0;
  for (size_t j = 0; j < gram.size(); ++j) c = c + mean[j] * gram.at(j, i);
  c = clamp_cosine(c / norm);
  const double angle = arc_cosine(c);
  if (angle < tolerance || c <= kOpposite) return;
  const double factor = share * (angle / sine(angle));
  for (size_t j = 0; j < gram.size(); ++j) step[j] = step[j] - factor * c * mean[j];
  step[i] = step[i] + factor / norm;
}

void scale_to_unit(const Gram& gram, double tolerance, std::vector<double>& u) {
  const double norm = std::sqrt(gram.squared_length(u));
  if (!(norm > tolerance)) return;
  for (double& each : u) each = each / norm;
}

struct Directions {
  std::vector<double> norms;
  std::vector<size_t> valid;
  double length = 0.0;
};

Directions directions_of(const Gram& gram, double tolerance) {
  Directions out;
  for (size_t i = 0; i < gram.size(); ++i) {
    const double norm = std::sqrt(gram.at(i, i));
    out.norms.push_back(norm);
    out.length = out.length + norm / static_cast<double>(gram.size());
    if (norm > tolerance) out.valid.push_back(i);
  }
  return out;
}

std::vector<double> first_mean(const Gram& gram, const Directions& d, double tolerance) {
  std::vector<double> u(gram.size(), 0.0);
  const double share = 1.0 / static_cast<double>(d.valid.size());
  for (const size_t i : d.valid) u[i] = share / d.norms[i];
  const double norm = std::sqrt(gram.squared_length(u));
  if (norm < tolerance) {
    u.assign(gram.size(), 0.0);
    u[d.valid[0]] = 1.0 / d.norms[d.valid[0]];
    return u;
  }
  for (double& each : u) each = each / norm;
  return u;
}

}  // namespace

Coefficients karcher_coefficients(const Gram& gram, int max_iterations, double tolerance) {
  const Directions d = directions_of(gram, tolerance);
  if (d.valid.empty()) return {std::vector<double>(gram.size(), 0.0), gram.all_equal()};
  std::vector<double> u = first_mean(gram, d, tolerance);
  const double share = 1.0 / static_cast<double>(d.valid.size());
  for (int iteration = 0; iteration < max_iterations; ++iteration) {
    std::vector<double> step(gram.size(), 0.0);
    for (const size_t i : d.valid) pull(gram, i, d.norms[i], share, tolerance, u, step);
    const double length = std::sqrt(gram.squared_length(step));
    if (!(length >= tolerance)) break;
    const double along = cosine(length), across = sine(length) / length;
    for (size_t j = 0; j < u.size(); ++j) u[j] = along * u[j] + across * step[j];
    scale_to_unit(gram, tolerance, u);
  }
  for (double& each : u) each = each * d.length;
  return {u, gram.all_equal()};
}

Coefficients model_stock_coefficients(const Gram& gram) {
  const size_t n = gram.size();
  double sum = 0.0, pairs = 0.0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = i + 1; j < n; ++j) {
      const double product = std::sqrt(gram.at(i, i)) * std::sqrt(gram.at(j, j));
      sum = sum + clamp_cosine(gram.at(i, j) / larger(product, kStockFloor));
      pairs = pairs + 1.0;
    }
  }
  const double c = sum / pairs;
  const double count = static_cast<double>(n);
  const double t = count * c / (1.0 + (count - 1.0) * c);
  const double weight = std::isfinite(t) ? t / count : 0.0;
  return {std::vector<double>(n, weight), false};
}

Coefficients coefficients_of(Sphere sphere, const Gram& gram, const std::vector<double>& p) {
  switch (sphere) {
    case Sphere::slerp:
      return slerp_coefficients(gram, p[0]);
    case Sphere::nuslerp:
      return nuslerp_coefficients(gram, p[0]);
    case Sphere::multislerp: {
      const std::vector<double> weights(p.begin() + 1, p.end());
      return multislerp_coefficients(gram, p[0], weights);
    }
    case Sphere::karcher:
      return karcher_coefficients(gram, static_cast<int>(p[0]), p[1]);
    case Sphere::model_stock:
      return model_stock_coefficients(gram);
  }
  return {std::vector<double>(gram.size(), 0.0), false};
}

}  // namespace weightloom
