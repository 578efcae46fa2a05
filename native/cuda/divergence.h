// arcee_fusion (engine/operations/arcee_fusion.h) on a GPU.
//
// divergence: a block of the grid takes a row. p = softmax(x) + 1e-8 and q = softmax(base) + 1e-8
// in binary64, then the sum of p * log(p / q). Elements are the work of all threads; the sums,
// whose order is that of the row, are each the work of one. A row whose first element is NaN has
// NaN as its largest; others are never larger, as on the CPU. importance: keys of |x - base| *
// divergence of the row, rounded twice. Memory: the row, and two numbers of eight bytes for each
// element, read and written four times.
#pragma once

#include "../kernels/exponential.h"
#include "../kernels/walk.h"
#include "launch.h"
#include "octet.h"

namespace weightloom::cuda {
namespace {

template <class C>
ANYWHERE inline double wide_at(const void* array, uint64_t i) {
  return static_cast<double>(All<Single, C>{i}.load(array));
}

// The largest of a row, through a largest for each thread.
template <class C>
ANYWHERE inline void find_largest(const void* array, uint64_t begin, uint64_t end,
                                  double* largest) {
  together([&](uint32_t thread) {
    double own = wide_at<C>(array, begin);
    for (uint64_t i = begin + thread; i < end; i += kThreads) {
      const double each = wide_at<C>(array, i);
      own = each > own ? each : own;
    }
    largest[thread] = own;
  });
  together([&](uint32_t thread) {
    if (thread != 0) return;
    for (uint32_t t = 1; t < kThreads; ++t) {
      largest[0] = largest[t] > largest[0] ? largest[t] : largest[0];
    }
  });
}

// Exponentials of a row, less its largest.
template <class C>
ANYWHERE inline void exponentials(const void* array, uint64_t begin, uint64_t end, double* to) {
  SHARED double largest[kThreads];
  find_largest<C>(array, begin, end, largest);
  together([&](uint32_t thread) {
    for (uint64_t i = begin + thread; i < end; i += kThreads) {
      to[i] = exponential_of(wide_at<C>(array, i) - largest[0]);
    }
  });
}

ANYWHERE inline double sum_in_order(const double* terms, uint64_t begin, uint64_t end) {
  double sum = 0.0;
  for (uint64_t i = begin; i < end; ++i) sum = sum + terms[i];
  return sum;
}

template <class C>
ANYWHERE inline void run_divergence(const DivergenceLaunch& launch) {
  SHARED double sums[2];
  double* const p = launch.room;
  double* const q = launch.room + launch.n;
  const uint64_t rows = (launch.n + launch.width - 1) / launch.width;
  for (uint64_t row = grid_block(); row < rows; row += grid_blocks()) {
    const uint64_t begin = row * launch.width;
    const uint64_t end = begin + launch.width < launch.n ? begin + launch.width : launch.n;
    exponentials<C>(launch.x, begin, end, p);
    exponentials<C>(launch.base, begin, end, q);
    together([&](uint32_t thread) {
      if (thread == 0) sums[0] = sum_in_order(p, begin, end);
      if (thread == 32) sums[1] = sum_in_order(q, begin, end);
    });
    together([&](uint32_t thread) {
      for (uint64_t i = begin + thread; i < end; i += kThreads) {
        const double mine = p[i] / sums[0] + kSmallProbability;
        const double other = q[i] / sums[1] + kSmallProbability;
        p[i] = mine * logarithm_of(mine / other);
      }
    });
    together([&](uint32_t thread) {
      if (thread == 0) launch.divergences[row] = static_cast<float>(sum_in_order(p, begin, end));
    });
  }
}

template <class C>
ANYWHERE inline void run_importance(const ImportanceLaunch& launch) {
  const uint64_t stride = uint64_t{grid_blocks()} * walking_threads();
  const uint64_t from = uint64_t{grid_block()} * walking_threads() + walking_thread();
  for (uint64_t i = from; i < launch.n; i += stride) {
    const All<Single, C> at{i};
    const float divergence = launch.divergences[(launch.first + i) / launch.width];
    const float distance = Single::abs(Single::sub(at.load(launch.x), at.load(launch.base)));
    const uint32_t bits = Single::as_u32(Single::mul(distance, divergence));
    const uint32_t key = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
    launch.keys[i] = (bits & 0x7FFFFFFFu) > 0x7F800000u ? launch.unknown : key;
  }
}

}  // namespace
}  // namespace weightloom::cuda
