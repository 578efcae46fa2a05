// Runs the `linear` kernel over one block: the last phase of every method that is a linear
// combination of its inputs with scalar coefficients.
#pragma once

#include <vector>

#include "operation.h"

namespace weightloom {

struct Combination {
  std::vector<float> weights;
  bool divide = false;
  float divisor = 1.0f;
  bool mean = false;
};

// Of a `linear` step.
Combination combination_of(const WireStep& step);

void run_weighted_sum(StepIo& io, const Combination& combination, const Range& range,
                      Scratch& scratch);

}  // namespace weightloom
