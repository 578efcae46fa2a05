// Lane sums (design: numerics, 1.3) of segments of up to 65,536 elements: a thread has one lane of
// one segment, element i of a segment going to lane i % 16 in order, and the first of sixteen
// threads folds them pairwise (8, 4, 2, 1). Sums of segments are added in order by the host, so
// these are the reductions of kernels/dot.h and kernels/delta.h.
// Memory: one read of the inputs; sixteen neighbours read what lies side by side.
#pragma once

#include "../kernels/delta.h"
#include "../kernels/dot.h"
#include "launch.h"
#include "octet.h"

namespace weightloom::cuda {
namespace {

struct LaneOfSegment {
  uint64_t begin, end;  // elements, in steps of kLanes
};

ANYWHERE inline LaneOfSegment lane_of(const Segments& s, uint32_t segment, uint32_t lane) {
  const uint64_t row = segment / s.pieces, piece = segment % s.pieces;
  const uint64_t row_end = (row + 1) * s.width < s.n ? (row + 1) * s.width : s.n;
  const uint64_t begin = row * s.width + piece * kSegment;
  const uint64_t end = begin + kSegment < row_end ? begin + kSegment : row_end;
  return {begin + lane, end};
}

ANYWHERE inline double fold_lanes(double* lanes) {
  for (uint32_t width = kLanes / 2; width > 0; width /= 2) {
    for (uint32_t i = 0; i < width; ++i) lanes[i] = lanes[i] + lanes[i + width];
  }
  return lanes[0];
}

// add(i, sums) takes element i into `count` sums; results go to sums[k * segments + segment].
template <int count, class Add>
ANYWHERE inline void reduce_lanes(const Segments& s, double* results, Add add) {
  SHARED double shared[count][kThreads];
  together([&](uint32_t thread) {
    const uint32_t segment = grid_block() * kSegmentsOfBlock + thread / kLanes;
    double sums[count] = {};
    if (segment < s.count) {
      const LaneOfSegment lane = lane_of(s, segment, thread % kLanes);
      for (uint64_t i = lane.begin; i < lane.end; i += kLanes) add(i, sums);
    }
    for (int k = 0; k < count; ++k) shared[k][thread] = sums[k];
  });
  together([&](uint32_t thread) {
    const uint32_t segment = grid_block() * kSegmentsOfBlock + thread / kLanes;
    if (thread % kLanes != 0 || segment >= s.count) return;
    for (int k = 0; k < count; ++k) {
      results[static_cast<uint64_t>(k) * s.count + segment] = fold_lanes(&shared[k][thread]);
    }
  });
}

template <class C, int count, bool with_base>
ANYWHERE inline void gram_of_few(const GramLaunch& launch) {
  const GramArgs args{launch.vectors, count, launch.base, 0, nullptr};
  reduce_lanes<count*(count + 1) / 2>(launch.segments, launch.sums, [&](uint64_t i, double* sums) {
    add_pairs<Single, C, count, with_base>(args, All<Single, C>{i}, sums);
  });
}

template <class C, bool with_base>
ANYWHERE inline void gram_of_many(const GramLaunch& launch) {
  double* sums = launch.sums;
  for (uint32_t x = 0; x < launch.count; ++x) {
    for (uint32_t y = x; y < launch.count; ++y, sums += launch.segments.count) {
      reduce_lanes<1>(launch.segments, sums, [&](uint64_t i, double* sum) {
        const All<Single, C> at{i};
        float a = at.load(launch.vectors[x]), b = at.load(launch.vectors[y]);
        if constexpr (with_base) {
          const float base = at.load(launch.base);
          a = Single::sub(a, base);
          b = Single::sub(b, base);
        }
        *sum = Single::add_product(*sum, a, b);
      });
    }
  }
}

template <class C, bool with_base>
ANYWHERE inline void gram_with(const GramLaunch& launch) {
  if (launch.count == 2) return gram_of_few<C, 2, with_base>(launch);
  if (launch.count == 3) return gram_of_few<C, 3, with_base>(launch);
  gram_of_many<C, with_base>(launch);
}

template <class C>
ANYWHERE inline void run_gram(const GramLaunch& launch) {
  return launch.base == nullptr ? gram_with<C, false>(launch) : gram_with<C, true>(launch);
}

template <class C>
ANYWHERE inline void run_delta_sum(const DeltaSumLaunch& launch) {
  reduce_lanes<2>(launch.segments, launch.sums, [&](uint64_t i, double* sums) {
    const All<Single, C> at{i};
    const float d = Single::abs(Single::sub(at.load(launch.x), at.load(launch.base)));
    sums[0] = Single::add_f64(sums[0], d);
    sums[1] = Single::add_kept_f64(sums[1], mask_at<Single>(launch.mask, i), d);
  });
}

template <class C>
ANYWHERE inline void run_delta_squares(const DeltaSumLaunch& launch) {
  reduce_lanes<1>(launch.segments, launch.sums, [&](uint64_t i, double* sums) {
    const All<Single, C> at{i};
    float d = Single::sub(at.load(launch.x), at.load(launch.base));
    if (launch.mask != nullptr) d = Single::keep(mask_at<Single>(launch.mask, i), d);
    sums[0] = Single::add_product(sums[0], d, d);
  });
}

}  // namespace
}  // namespace weightloom::cuda
