// linear_rows: the last pass of methods that treat every row as a vector of its own. A block of the
// grid takes a row, with the weights of that row, through kernels/linear.h, or with a base through
// kernels/task_arithmetic.h. Rows may begin anywhere. Memory: one pass.
#pragma once

#include "elementwise.h"

namespace weightloom::cuda {
namespace {

template <class C>
ANYWHERE inline void combine_row(const RowLaunch& launch, const void* const* inputs, uint64_t row,
                                 uint64_t begin, uint64_t n) {
  void* const out = static_cast<char*>(launch.out) + begin * C::bytes;
  const float* const weights = launch.weights + row * launch.count;
  if (launch.base == nullptr) {
    const bool mean = launch.means[row] != 0;
    const LinearArgs args{inputs, weights,      launch.count, false, mean,
                          1.0f,   launch.limit, out,          n,     launch.nonfinite};
    return counted(args, [](const LinearArgs& a) {
      return a.mean ? linear_of<BlockOctet, C, 0, true>(a) : linear_of<BlockOctet, C, 0, false>(a);
    });
  }
  TaskArgs args{};
  args.base = static_cast<const char*>(launch.base) + begin * C::bytes;
  args.inputs = inputs;
  args.weights = weights;
  args.input_count = launch.count;
  args.divisor = 1.0f;
  args.lambda = 1.0f;
  args.limit = launch.limit;
  args.out = out;
  args.n = n;
  args.nonfinite = launch.nonfinite;
  counted(args, [](const TaskArgs& a) { task_of<BlockOctet, C, Extras::any>(a); });
}

template <class C>
ANYWHERE inline void run_linear_rows(const RowLaunch& launch) {
  SHARED const void* inputs[kMostModels];
  const uint64_t rows = (launch.first + launch.n + launch.width - 1) / launch.width;
  for (uint64_t row = grid_block(); row < rows; row += grid_blocks()) {
    const uint64_t start = row * launch.width, stop = start + launch.width - launch.first;
    const uint64_t begin = start < launch.first ? 0 : start - launch.first;
    const uint64_t end = stop < launch.n ? stop : launch.n;
    together([&](uint32_t thread) {
      if (thread >= launch.count) return;
      inputs[thread] = static_cast<const char*>(launch.inputs[thread]) + begin * C::bytes;
    });
    combine_row<C>(launch, inputs, row, begin, end - begin);
    barrier();
  }
}

}  // namespace
}  // namespace weightloom::cuda
