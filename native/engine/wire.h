// A job as numbers: what TypeScript sends (lib/run/wire.ts) and the engine runs. Read and checked
// once, in wire.cpp; everything after it may trust the bounds.
//
// 64-bit little-endian words:
//   magic "WLJOB002", sources, outputs, nested steps, steps
//   each source and output: kind (0 file, 1 memory, 2 nowhere), size in bytes
//   each nested step, then each step: operation, output, offset, codec, element bits, count,
//   inputs, parameters,
//              then for each input: source, offset, codec; then the parameters as f64
// An input whose source is beyond the sources is the tensor of a nested step, an earlier one where
// the step is nested itself; its offset is 0. Nested steps have no output.
// A `census` has no output, and its inputs are pairs of tensors with counts of their own.
// A `compare` writes numbers, to memory: its count is that of its inputs; it is never nested.
// For `copy`, `same` and `compare` any element width may occur; the codec only says which values
// are not finite, and is kNoCodec for elements that are not floats (for `compare`, whose bytes
// count). An output that is nowhere keeps no byte: what is wanted of its steps are the results,
// above all the digests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weightloom {

enum class Operation : uint64_t {
  copy = 0,
  same = 1,
  linear = 2,
  span = 3,
  task = 4,
  nearswap = 5,
  ram = 6,
  sce = 7,
  arcee_fusion = 8,
  census = 9,
  compare = 10,
};
constexpr uint64_t kOperations = 11;

struct JobError {
  std::string code;
  std::string message;
};

constexpr uint32_t kNotNested = 0xFFFFFFFFu;

struct WireInput {
  uint32_t source;
  uint32_t nested;  // position of a nested step, or kNotNested
  uint64_t offset;
  int codec;
};

struct WireStep {
  Operation operation;
  uint32_t output;
  uint64_t offset;
  int codec;
  uint32_t bits;
  uint64_t count;
  std::vector<WireInput> inputs;
  std::vector<double> parameters;
};

struct WireFile {
  bool memory;
  uint64_t size;
  bool nowhere = false;
};

struct WireJob {
  std::vector<WireFile> sources;
  std::vector<WireFile> outputs;
  std::vector<WireStep> nested;
  std::vector<WireStep> steps;
};

constexpr uint64_t kBlock = 65536;
constexpr int kNoCodec = 5;
// How deep nested steps may be nested.
constexpr int kMostNested = 8;

// Throws JobError with code ARGUMENT when anything is out of bounds.
WireJob read_wire(const void* words, size_t word_count);

}  // namespace weightloom
