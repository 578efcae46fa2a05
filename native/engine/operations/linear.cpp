#include <numeric>

#include "weighted_sum.h"

namespace weightloom {

Combination combination_of(const WireStep& step) {
  const auto& p = step.parameters;
  Combination out;
  out.divide = p[0] != 0;
  out.divisor = static_cast<float>(p[1]);
  out.mean = p[2] != 0;
  for (size_t i = 3; i < p.size(); ++i) out.weights.push_back(static_cast<float>(p[i]));
  return out;
}

void run_weighted_sum(StepIo& io, const Combination& combination, const Range& range,
                      Scratch& scratch) {
  std::vector<size_t> inputs(combination.weights.size());
  std::iota(inputs.begin(), inputs.end(), size_t{0});
  uint8_t* out = io.begin_output(range, scratch);
  Nonfinite seen{};
  io.for_tiles(range, range.n, inputs, out, scratch, [&](const Tile& tile) {
    io.kernels().linear[tile.codec]({tile.inputs.data(), combination.weights.data(),
                                     static_cast<uint32_t>(combination.weights.size()),
                                     combination.divide, combination.mean, combination.divisor,
                                     io.limit(), tile.out, tile.n, &seen, tile.past_cache});
  });
  io.add_nonfinite(seen);
  io.end_output(range, out, scratch);
}

namespace {

class Linear : public RunningStep {
 public:
  explicit Linear(StepIo& io) : RunningStep(io), combination_(combination_of(io.step())) {}

  void run_block(uint64_t block, Scratch& scratch) override {
    run_weighted_sum(io_, combination_, io_.range(block), scratch);
  }

 private:
  Combination combination_;
};

}  // namespace

std::unique_ptr<RunningStep> make_linear(StepIo& io) { return std::make_unique<Linear>(io); }

}  // namespace weightloom
