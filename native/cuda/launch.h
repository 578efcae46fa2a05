// What the kernels of a GPU are given, and how many threads make a block: shared by the host, which
// fills these in, and the kernels. Arrays of a step's models lie in the arguments themselves, which
// the device reads from its constant memory; pointers are addresses of the device.
#pragma once

#include "../kernels/args.h"

namespace weightloom::cuda {

// Of one step; what has more is left to the CPU. The arguments of a kernel hold 4 KiB.
constexpr uint32_t kMostModels = 64;

constexpr uint32_t kThreads = 256;
// Blocks of a grid whose blocks take more than one part of the work.
constexpr uint64_t kMostBlocks = 65535;
constexpr uint32_t kLanes = 16;

struct LinearLaunch {
  LinearArgs args;
  const void* inputs[kMostModels];
  float weights[kMostModels];
};

struct TaskLaunch {
  TaskArgs args;
  const void* inputs[kMostModels];
  float weights[kMostModels];
  float rescales[kMostModels];
  float shares[kMostModels];
  float floors[kMostModels];
  const uint8_t* masks[kMostModels];
  const float* factors[kMostModels];
};

// Rows of `width` elements, each combined with weights of its own: `count` in a row of `weights`,
// and in `means` whether they average. The array begins `first` elements into its first row; with a
// base the deltas to it are combined.
struct RowLaunch {
  const void* base;
  const void* inputs[kMostModels];
  uint32_t count;
  const float* weights;
  const uint32_t* means;
  uint64_t first;
  uint64_t width;
  float limit;
  void* out;
  uint64_t n;
  Nonfinite* nonfinite;
};

struct RamLaunch {
  RamArgs args;
  const void* inputs[kMostModels];
  float boosts[kMostModels];
  uint64_t* shared;
  uint64_t* unique;
};

struct SceLaunch {
  SceArgs args;
  const void* inputs[kMostModels];
  float shares[kMostModels];
};

struct VarianceLaunch {
  SceVarianceArgs args;
  const void* inputs[kMostModels];
};

// Reductions: an array is cut into rows, each row into segments of 65,536 elements, and the last
// segment of a row is what is left. A segment is the work of a block of the grid and has 16 lanes;
// sums hold for each quantity one number for each segment.
struct Segments {
  uint64_t n;
  uint64_t width;
  uint32_t pieces;  // segments of a row
  uint32_t count;   // segments of all rows
};

struct GramLaunch {
  Segments segments;
  const void* vectors[kMostModels];
  uint32_t count;
  const void* base;
  double* sums;
};

// mask may be null. sums: of all, then of what the mask keeps.
struct DeltaSumLaunch {
  Segments segments;
  const void* x;
  const void* base;
  const uint64_t* mask;
  double* sums;
};

// Keys that lie in memory. histogram: those from low to high are counted by (key - low) >> shift.
// count_keys: those from low to high by block of 65,536 keys.
struct KeysLaunch {
  const uint32_t* keys;
  uint64_t n;
  uint32_t low;
  uint32_t high;
  uint32_t shift;
  uint32_t* counts;
  uint64_t* above;
};

// Rows of keys sorted with their places, the smallest first, or with `descending` the largest;
// equal keys in the order of their places. A result is a key (with `descending` its complement) in
// the upper half and a place in the lower. The rows of `spare` are room for every other pass.
struct SortLaunch {
  const uint32_t* keys;
  uint64_t width;
  uint64_t rows;
  bool descending;
  uint64_t* sorted;
  uint64_t* spare;
};

// Decides by rank. With words an element stays whose word is below its rank's threshold, else one
// whose rank is in [from, to). factors: null, or where each element's own factor goes.
struct RankLaunch {
  const uint64_t* sorted;
  uint64_t width;
  uint64_t n;
  const uint32_t* words;
  const uint32_t* thresholds;
  const float* factor_of_rank;
  double from;
  double to;
  uint8_t* stays;
  float* factors;
};

// Bits from bytes that are 0 or 1.
struct PackLaunch {
  const uint8_t* stays;
  uint64_t n;
  uint64_t* mask;
};

// Bits of `mask` that `without` has are taken away; where it is null, all are set.
struct MaskLaunch {
  uint64_t* mask;
  const uint64_t* without;
  uint64_t words;
};

// arcee_fusion: rows of x and base become divergences. The last row may be shorter. room: two
// numbers an element.
struct DivergenceLaunch {
  const void* base;
  const void* x;
  uint64_t width;
  uint64_t n;
  double* room;
  float* divergences;
};

// Keys of importances in the order of floats; what is NaN has the key `unknown`. The array begins
// `first` elements into its first row.
struct ImportanceLaunch {
  const void* base;
  const void* x;
  uint64_t first;
  uint64_t width;
  uint64_t n;
  const float* divergences;
  uint32_t unknown;
  uint32_t* keys;
};

constexpr uint32_t kHistogramBins = 2048;
constexpr uint64_t kSegment = 65536;

}  // namespace weightloom::cuda
