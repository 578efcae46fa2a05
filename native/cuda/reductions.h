// Lane sums (design: numerics, 1.3) of segments of up to 65,536 elements, a block of the grid for
// each. Its threads decode a tile into shared memory, eight elements at a time, as the numbers that
// are to be added; then sixteen of them, one for each lane, add what is theirs: element i of a
// segment goes to lane i % 16 in order. The lanes are folded pairwise (8, 4, 2, 1) at the end. Sums
// of segments are added in order by the host, so these are the reductions of kernels/dot.h and
// kernels/delta.h.
// Memory: one read of the inputs, 16 bytes at a time where they lie on that.
#pragma once

#include "../kernels/delta.h"
#include "../kernels/dot.h"
#include "launch.h"
#include "octet.h"

namespace weightloom::cuda {
namespace {

constexpr uint32_t kTile = 8 * kThreads;

// Most numbers of an element that are staged, and most sums that are made of them.
constexpr uint32_t kMostStaged = 3;
constexpr uint32_t kMostSums = 6;

// Shared memory of a block: one for all reductions of a kernel.
struct ReduceRoom {
  alignas(16) float staged[kMostStaged][kTile];
  double lanes[kMostSums][kLanes];
};

struct Segment {
  uint64_t begin, end;
};

ANYWHERE inline Segment segment_of(const Segments& s, uint32_t segment) {
  const uint64_t row = segment / s.pieces, piece = segment % s.pieces;
  const uint64_t row_end = (row + 1) * s.width < s.n ? (row + 1) * s.width : s.n;
  const uint64_t begin = row * s.width + piece * kSegment;
  return {begin, begin + kSegment < row_end ? begin + kSegment : row_end};
}

ANYWHERE inline double fold_lanes(double* lanes) {
  for (uint32_t width = kLanes / 2; width > 0; width /= 2) {
    for (uint32_t i = 0; i < width; ++i) lanes[i] = lanes[i] + lanes[i + width];
  }
  return lanes[0];
}

// Adds a lane's elements of a tile to its sums, which stay in registers meanwhile.
template <int staged, int count, class Add>
ANYWHERE inline void add_lane(ReduceRoom& room, uint32_t lane, uint64_t size, Add add) {
  double sums[count];
  UNROLL(count)
  for (int k = 0; k < count; ++k) sums[k] = room.lanes[k][lane];
  for (uint64_t i = lane; i < size; i += kLanes) {
    float each[staged];
    UNROLL(staged)
    for (int k = 0; k < staged; ++k) each[k] = room.staged[k][i];
    add(each, sums);
  }
  UNROLL(count)
  for (int k = 0; k < count; ++k) room.lanes[k][lane] = sums[k];
}

// stage(at, k): the k-th number of the eight elements from `at` on; add(numbers, sums) takes an
// element's numbers into its lane's sums. Results go to results[k * segments + segment].
template <class C, int staged, int count, class Stage, class Add>
ANYWHERE inline void reduce_segment(const Segments& s, ReduceRoom& room, double* results,
                                    Stage stage, Add add) {
  const uint32_t segment = grid_block();
  const Segment own = segment_of(s, segment);
  together([&](uint32_t thread) {
    for (int k = 0; thread < kLanes && k < count; ++k) room.lanes[k][thread] = 0.0;
  });
  for (uint64_t tile = own.begin; tile < own.end; tile += kTile) {
    const uint64_t size = own.end - tile < kTile ? own.end - tile : kTile;
    together([&](uint32_t thread) {
      const uint32_t first = 8 * thread;
      if (first >= size) return;
      stage(All<BlockOctet, C>{tile + first}, [&](int k, const BlockOctet::F& numbers) {
        BlockOctet::store(&room.staged[k][first], numbers);
      });
    });
    together([&](uint32_t thread) {
      if (thread < kLanes) add_lane<staged, count>(room, thread, size, add);
    });
  }
  together([&](uint32_t thread) {
    if (thread >= count) return;
    results[static_cast<uint64_t>(thread) * s.count + segment] = fold_lanes(room.lanes[thread]);
  });
}

// Vectors of the launch that `which` names, less the base.
template <bool with_base, class At>
ANYWHERE inline BlockOctet::F vector_at(const GramLaunch& launch, At at, uint32_t which) {
  const auto x = at.load(launch.vectors[which]);
  if constexpr (with_base) return BlockOctet::sub(x, at.load(launch.base));
  return x;
}

template <class C, int count, bool with_base>
ANYWHERE inline void gram_of_few(const GramLaunch& launch, ReduceRoom& room) {
  const auto stage = [&](auto at, auto put) {
    UNROLL(count)
    for (int i = 0; i < count; ++i) put(i, vector_at<with_base>(launch, at, i));
  };
  const auto add = [](const float* x, double* sums) {
    UNROLL(count)
    for (int i = 0; i < count; ++i) {
      UNROLL(count)
      for (int j = i; j < count; ++j, ++sums) *sums = Single::add_product(*sums, x[i], x[j]);
    }
  };
  reduce_segment<C, count, count*(count + 1) / 2>(launch.segments, room, launch.sums, stage, add);
}

template <class C, bool with_base>
ANYWHERE inline void gram_of_many(const GramLaunch& launch, ReduceRoom& room) {
  double* sums = launch.sums;
  for (uint32_t x = 0; x < launch.count; ++x) {
    for (uint32_t y = x; y < launch.count; ++y, sums += launch.segments.count) {
      const auto stage = [&](auto at, auto put) {
        put(0, vector_at<with_base>(launch, at, x));
        put(1, vector_at<with_base>(launch, at, y));
      };
      reduce_segment<C, 2, 1>(launch.segments, room, sums, stage,
                              [](const float* pair, double* sum) {
                                *sum = Single::add_product(*sum, pair[0], pair[1]);
                              });
    }
  }
}

template <class C, bool with_base>
ANYWHERE inline void gram_with(const GramLaunch& launch, ReduceRoom& room) {
  if (launch.count == 2) return gram_of_few<C, 2, with_base>(launch, room);
  if (launch.count == 3) return gram_of_few<C, 3, with_base>(launch, room);
  gram_of_many<C, with_base>(launch, room);
}

template <class C>
ANYWHERE inline void run_gram(const GramLaunch& launch) {
  SHARED ReduceRoom room;
  return launch.base == nullptr ? gram_with<C, false>(launch, room)
                                : gram_with<C, true>(launch, room);
}

// What the mask drops adds +0 to a sum that is never -0.
template <class C>
ANYWHERE inline void run_delta_sum(const DeltaSumLaunch& launch) {
  SHARED ReduceRoom room;
  const auto stage = [&](auto at, auto put) {
    const auto d = BlockOctet::abs(BlockOctet::sub(at.load(launch.x), at.load(launch.base)));
    put(0, d);
    put(1, BlockOctet::keep(mask_at<BlockOctet>(launch.mask, at.at), d));
  };
  reduce_segment<C, 2, 2>(launch.segments, room, launch.sums, stage,
                          [](const float* each, double* sums) {
                            sums[0] = Single::add_f64(sums[0], each[0]);
                            sums[1] = Single::add_f64(sums[1], each[1]);
                          });
}

template <class C>
ANYWHERE inline void run_delta_squares(const DeltaSumLaunch& launch) {
  SHARED ReduceRoom room;
  const auto stage = [&](auto at, auto put) {
    auto d = BlockOctet::sub(at.load(launch.x), at.load(launch.base));
    if (launch.mask != nullptr) d = BlockOctet::keep(mask_at<BlockOctet>(launch.mask, at.at), d);
    put(0, d);
  };
  reduce_segment<C, 1, 1>(launch.segments, room, launch.sums, stage,
                          [](const float* each, double* sums) {
                            sums[0] = Single::add_product(sums[0], each[0], each[0]);
                          });
}

}  // namespace
}  // namespace weightloom::cuda
