// slerp: one pass for the Gram matrix of the two tensors, the coefficients, one weighted sum.
// The coefficients are specified in lib/reference/slerp.ts.
#include <cmath>

#include "../angles.h"
#include "../lane_sums.h"
#include "weighted_sum.h"

namespace weightloom {
namespace {

constexpr double kSmallNorm = 1e-8;
constexpr double kParallel = 0.9995;

class Slerp : public RunningStep {
 public:
  explicit Slerp(StepIo& io) : RunningStep(io), t_(io.step().parameters[0]) {
    for (auto& blocks : products_) blocks.resize(io.block_count());
  }

  void run_block(const Range& range, Scratch& scratch) override {
    if (combining_) return run_weighted_sum(io_, combination_, range, scratch);
    LaneSums sums[3];
    io_.for_tiles(range, kTile, {0, 1}, nullptr, scratch, [&](const Tile& tile) {
      const auto dot = io_.kernels().dot[tile.codec];
      dot({tile.inputs[0], tile.inputs[0], tile.n, sums[0].lanes});
      dot({tile.inputs[0], tile.inputs[1], tile.n, sums[1].lanes});
      dot({tile.inputs[1], tile.inputs[1], tile.n, sums[2].lanes});
    });
    for (int i = 0; i < 3; ++i) products_[i][range.index] = fold(sums[i]);
  }

  bool advance(Scratch&) override {
    if (combining_) return false;
    combining_ = true;
    choose(add_blocks(products_[0]), add_blocks(products_[1]), add_blocks(products_[2]));
    return true;
  }

 private:
  void choose(double xx, double xy, double yy) {
    const double norm_x = std::sqrt(xx), norm_y = std::sqrt(yy);
    const double divide_x = norm_x > kSmallNorm ? norm_x : 1.0;
    const double divide_y = norm_y > kSmallNorm ? norm_y : 1.0;
    const double cosine_between = xy / divide_x / divide_y;
    double first = 1.0 - t_, second = t_;
    const bool spherical = std::fabs(cosine_between) <= kParallel;
    if (spherical) {
      const double angle = arc_cosine(cosine_between);
      const double part = angle * t_;
      const double whole = sine(angle);
      first = sine(angle - part) / whole;
      second = sine(part) / whole;
    }
    combination_.weights = {static_cast<float>(first), static_cast<float>(second)};
    combination_.mean = !spherical;
  }

  double t_;
  bool combining_ = false;
  std::vector<double> products_[3];
  Combination combination_;
};

}  // namespace

std::unique_ptr<RunningStep> make_slerp(StepIo& io) { return std::make_unique<Slerp>(io); }

}  // namespace weightloom
