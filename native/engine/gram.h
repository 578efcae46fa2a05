// The Gram matrix of n vectors, and the coefficients that a spherical method gives them.
//
// slerp, nuslerp, multislerp, karcher and model_stock are linear combinations whose coefficients
// depend on dot products alone, so each is one reduction, a little arithmetic in binary64 here, and
// one weighted sum. lib/reference/ specifies every function under the same name.
#pragma once

#include <cstddef>
#include <vector>

namespace weightloom {

class Gram {
 public:
  explicit Gram(size_t n) : n_(n), entries_(n * n) {}

  size_t size() const { return n_; }
  double at(size_t i, size_t j) const { return entries_[i * n_ + j]; }
  void set(size_t i, size_t j, double value) {
    entries_[i * n_ + j] = value;
    entries_[j * n_ + i] = value;
  }
  // All vectors have the same entries, as equal vectors have.
  bool all_equal() const;
  // The squared length of the combination with these coefficients.
  double squared_length(const std::vector<double>& coefficients) const;

 private:
  size_t n_;
  std::vector<double> entries_;
};

// `mean`: the coefficients stand for an average, so equal elements keep their value.
struct Coefficients {
  std::vector<double> weights;
  bool mean;
};

enum class Sphere { slerp = 0, nuslerp = 1, multislerp = 2, karcher = 3, model_stock = 4 };

Coefficients slerp_coefficients(const Gram& gram, double t);
Coefficients nuslerp_coefficients(const Gram& gram, double t);
Coefficients multislerp_coefficients(const Gram& gram, double epsilon,
                                     const std::vector<double>& weights);
Coefficients karcher_coefficients(const Gram& gram, int max_iterations, double tolerance);
Coefficients model_stock_coefficients(const Gram& gram);

// Parameters as the wire carries them: slerp, nuslerp t; multislerp epsilon and the weights;
// karcher iterations and tolerance; model_stock none.
Coefficients coefficients_of(Sphere sphere, const Gram& gram, const std::vector<double>& p);

}  // namespace weightloom
