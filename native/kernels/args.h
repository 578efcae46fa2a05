// What a kernel is given. Plain data shared by the engine (baseline flags) and the kernels (flags
// of one instruction set), so nothing in this file may be a function.
//
// `n` counts elements. Stored elements have the width of the kernel's codec and no alignment.
// A bit mask holds element i in bit i % 8 of byte i / 8 and is padded to whole 64-bit words.
// Lane sums are 16 f64 accumulators, element i of the tensor going to lane i % 16.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightloom {

// Results that are not finite, told apart by whether an input was not: see kernels/nonfinite.h.
struct Nonfinite {
  uint64_t nan_from_input;
  uint64_t nan_born;
  uint64_t overflow_from_input;
  uint64_t overflow_born;
};

struct LinearArgs {
  const void* const* inputs;
  const float* weights;
  uint32_t input_count;
  bool divide;
  bool mean;
  float divisor;
  float limit;
  void* out;
  size_t n;
  Nonfinite* nonfinite;
  bool past_cache = false;  // see kernels/nonfinite.h
};

// floors: null, or for each model the magnitude below which its deltas are dropped; a NaN is not
// below any.
struct TaskArgs {
  const void* base;
  const void* const* inputs;
  const float* weights;
  const float* rescales;
  const float* shares;                  // what an agreeing model adds to the divisor (ties)
  const float* const* element_factors;  // null, or for each model null or a factor an element
  const uint8_t* const* masks;
  const float* floors;
  uint32_t input_count;
  bool masked;
  bool rescaled;
  bool normalize;
  float divisor;
  float lambda;
  float limit;
  void* out;
  size_t n;
  Nonfinite* nonfinite;
  bool past_cache = false;  // see kernels/nonfinite.h
};

// Weights that differ from element to element (a weight for each column); base may be null. means:
// not 0 in columns whose weights stand for an average.
struct ColumnArgs {
  const void* base;
  const void* const* inputs;
  const float* const* weights;
  const float* means;
  uint32_t input_count;
  float limit;
  void* out;
  size_t n;
  Nonfinite* nonfinite;
};

struct NearswapArgs {
  const void* base;
  const void* x;
  float t;
  float limit;
  void* out;
  size_t n;
  Nonfinite* nonfinite;
};

// boosts: factor of a delta that only its model has.
struct RamArgs {
  const void* base;
  const void* const* inputs;
  const float* boosts;
  uint32_t input_count;
  float epsilon;
  float limit;
  void* out;
  size_t n;
  Nonfinite* nonfinite;
};

// counts: for each model, elements it shares with another and elements only it changes.
struct RamCountArgs {
  const void* base;
  const void* const* inputs;
  uint32_t input_count;
  float epsilon;
  size_t n;
  uint64_t* shared;
  uint64_t* unique;
};

// mask may be null; shares: weight of each model in binary32.
struct SceArgs {
  const void* base;
  const void* const* inputs;
  const float* shares;
  uint32_t input_count;
  const uint64_t* mask;
  float limit;
  void* out;
  size_t n;
  Nonfinite* nonfinite;
};

struct SceVarianceArgs {
  const void* base;
  const void* const* inputs;
  uint32_t input_count;
  size_t n;
  uint32_t* keys;
};

// x where the mask has a bit, base elsewhere.
struct ChooseArgs {
  const void* base;
  const void* x;
  const uint64_t* mask;
  float limit;
  void* out;
  size_t n;
  Nonfinite* nonfinite;
};

// base is subtracted from both sides when it is not null.
struct DotArgs {
  const void* x;
  const void* y;
  const void* base;
  size_t n;
  double* lane_sums;
};

// lane_sums: 16 for every pair of vectors, in the order (0, 0), (0, 1), ..., (1, 1), ...
struct GramArgs {
  const void* const* vectors;
  uint32_t count;
  const void* base;
  size_t n;
  double* lane_sums;
};

// lane_sums: five times 16; largest and equal are gone on with.
struct CompareArgs {
  const void* base;
  const void* x;
  size_t n;
  double* lane_sums;
  float* largest;
  uint64_t* equal;
};

struct ConflictArgs {
  const void* base;
  const void* const* inputs;
  uint32_t input_count;
  size_t n;
  double* lane_sums;
  uint64_t* conflicts;
  uint64_t* active;
};

struct DeltaArgs {
  const void* x;
  const void* base;
  size_t n;
  uint32_t* magnitudes;
};

// Keys from low to high are appended to `keys` (when it is not null) in order; above and inside
// (what is appended) are added to. Up to 16 words after the last key are clobbered.
struct CollectArgs {
  const void* x;
  const void* base;
  size_t n;
  uint32_t low;
  uint32_t high;
  uint32_t* keys;
  uint64_t* above;
  uint64_t* inside;
};

struct MagnitudeMaskArgs {
  const void* x;
  const void* base;
  size_t n;
  uint32_t threshold;
  uint32_t cut;
  uint64_t* mask;
};

struct DeltaSumArgs {
  const void* x;
  const void* base;
  size_t n;
  const uint64_t* mask;
  double* lane_sums;
  double* kept_lane_sums;
};

// mask may be null: every element counts.
struct DeltaSquaresArgs {
  const void* x;
  const void* base;
  size_t n;
  const uint64_t* mask;
  double* lane_sums;
};

// As CollectArgs and MagnitudeMaskArgs, of keys that are there.
struct CollectKeysArgs {
  const uint32_t* keys;
  size_t n;
  uint32_t low;
  uint32_t high;
  uint32_t* kept;
  uint64_t* above;
  uint64_t* inside;
};

// tallies: one for each of the frequent keys, which differ; they are added to. Room behind the keys
// as for those that are collected.
struct TallyArgs {
  uint32_t* keys;
  size_t n;
  const uint32_t* frequent;
  size_t frequent_count;
  uint32_t* tallies;
  uint64_t* left;
};

struct KeyMaskArgs {
  const uint32_t* keys;
  size_t n;
  uint32_t threshold;
  uint32_t cut;
  uint64_t* mask;
};

struct RandomMaskArgs {
  uint32_t key[2];
  uint64_t first;
  uint32_t model;
  uint32_t purpose;
  uint64_t threshold;
  size_t n;
  uint64_t* mask;
};

struct RandomWordArgs {
  uint32_t key[2];
  uint64_t first;
  uint32_t model;
  uint32_t purpose;
  size_t n;
  uint32_t* words;
};

struct WithinArgs {
  const uint32_t* from;
  size_t n;
  uint32_t first;
  uint32_t width;
  uint32_t* count;
};

constexpr size_t kRowParts = 4;

// part: elements of each of the row's kRowParts; the last ones may have fewer. counts: for each of
// them, of each of zeros + top - low + 1 bins; they are added to. Up to 16 words after the last one
// listed are clobbered.
struct DealArgs {
  const uint32_t* keys;
  size_t n;
  int shift;
  uint32_t low;
  uint32_t top;
  int zero_shift;
  uint32_t zeros;
  size_t part;
  uint32_t* counts;
  uint32_t* bins;
  uint32_t* mixed;
  size_t* mixed_count;
};

// counts as above; starts has room for one more than the bins.
struct BinEndArgs {
  const uint32_t* counts;
  size_t bins;
  const uint32_t* thresholds;
  uint32_t* starts;
  uint32_t* ends;
};

// ends: for each bin the high halves of its ranks' lowest and highest threshold. The mask's bits
// begin at its first word; undecided has room for n.
struct RankBinArgs {
  const uint32_t* bins;
  const uint32_t* words;
  size_t n;
  const uint32_t* ends;
  uint64_t* mask;
  uint32_t* undecided;
  size_t* undecided_count;
};

// count: stripes of 32 bytes of each of the messages; lanes: 4 for each message; taken: how many of
// the messages were gone through, the first ones.
struct StripeArgs {
  const uint8_t* const* from;
  size_t messages;
  size_t count;
  uint64_t* lanes;
  size_t* taken;
};

// A row of a tensor in binary64, replaced; n at least 1.
struct RowArgs {
  double* row;
  size_t n;
};

// What arcee_fusion adds to each probability.
constexpr double kSmallProbability = 1e-8;

// Exponentials of two rows and their sums; p is replaced. least: added to each probability.
struct DivergenceArgs {
  double* p;
  const double* q;
  double p_sum, q_sum, least;
  size_t n;
};

struct ImportanceArgs {
  const float* x;
  const float* base;
  float divergence;
  uint32_t* keys;
  size_t n;
};

struct DecodeArgs {
  const void* in;
  float* out;
  size_t n;
};

struct EncodeArgs {
  const float* in;
  void* out;
  size_t n;
};

// Multipliers of XXH64.
constexpr uint64_t kXxhPrime1 = 0x9E3779B185EBCA87ull;
constexpr uint64_t kXxhPrime2 = 0xC2B2AE3D27D4EB4Full;

constexpr uint32_t kMaxTaskInputs = 256;
constexpr size_t kTile = 4096;

}  // namespace weightloom
