// What the kernels of a GPU are given, and how many threads make a block: shared by the host, which
// fills these in, and the kernels. Arrays of a step's models lie in the arguments themselves, which
// the device reads from its constant memory; pointers are addresses of the device.
#pragma once

#include "../kernels/args.h"

namespace weightloom::cuda {

// Of one step; what has more is left to the CPU. The arguments of a kernel hold 4 KiB.
constexpr uint32_t kMostModels = 64;

constexpr uint32_t kThreads = 256;
constexpr uint32_t kLanes = 16;
constexpr uint32_t kSegmentsOfBlock = kThreads / kLanes;

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
// segment of a row is what is left. A segment has 16 lanes; sums hold for each quantity one number
// for each segment.
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
// counts: by block of 65,536 keys instead.
struct KeysLaunch {
  const uint32_t* keys;
  uint64_t n;
  uint32_t low;
  uint32_t high;
  uint32_t shift;
  uint32_t* counts;
  uint64_t* above;
};

// Rows of keys sorted with their places, by four passes over 8 bits each. `descending` flips the
// keys. spare and sorted: two words an element.
struct SortLaunch {
  const uint32_t* keys;
  uint64_t width;
  uint64_t rows;
  bool descending;
  uint64_t* spare;
  uint64_t* sorted;
};

// Decides by rank: words below thresholds[rank] stay, or without words the ranks from `top` up to
// `top + keep`. factors may be null: else an element's own factor, by rank.
struct RankLaunch {
  const uint64_t* sorted;
  uint64_t width;
  uint64_t rows;
  const uint32_t* words;
  const uint32_t* thresholds;
  const float* by_rank;
  uint64_t top;
  uint64_t keep;
  uint8_t* stays;  // one byte an element
  float* factors;
};

// Bits from bytes; `minus` is taken away where it is not null.
struct PackLaunch {
  const uint8_t* stays;
  uint64_t n;
  uint64_t* mask;
};

// mask = all & ~without
struct WithoutLaunch {
  uint64_t* mask;
  const uint64_t* without;
  uint64_t words;
};

constexpr uint32_t kHistogramBins = 2048;
constexpr uint64_t kKeysOfCount = 65536;

}  // namespace weightloom::cuda
