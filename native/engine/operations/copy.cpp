// copy: the bytes of one input. same: the same, once all inputs have been found identical. Floats
// that are not finite are counted like those of the merging kernels.
#include <algorithm>
#include <cstring>

#include "../stream.h"
#include "operation.h"

namespace weightloom {
namespace {

// Stored values without their sign: from `infinity` up to `nan` infinite, from there on NaN.
struct Limits {
  uint32_t sign, infinity, nan;
};
constexpr Limits kLimits[] = {{0x80000000u, 0x7F800000u, 0x7F800001u},
                              {0x8000u, 0x7C00u, 0x7C01u},
                              {0x8000u, 0x7F80u, 0x7F81u},
                              {0x80u, 0x7Fu, 0x7Fu},
                              {0x80u, 0x7Cu, 0x7Du}};

template <class Word>
Nonfinite count_nonfinite(const uint8_t* stored, size_t n, const Limits& limits) {
  const auto magnitude = [&](size_t i) {
    Word word;
    std::memcpy(&word, stored + i * sizeof(Word), sizeof(Word));
    return static_cast<Word>(word & ~limits.sign);
  };
  const auto infinity = static_cast<Word>(limits.infinity);
  Word found = 0;
  for (size_t i = 0; i < n; ++i) found |= static_cast<Word>(magnitude(i) >= infinity ? 1 : 0);
  Nonfinite seen{};
  for (size_t i = 0; found != 0 && i < n; ++i) {
    if (magnitude(i) < infinity) continue;
    ++(magnitude(i) >= limits.nan ? seen.nan_from_input : seen.overflow_from_input);
  }
  return seen;
}

Nonfinite count_nonfinite(int codec, const uint8_t* stored, size_t n) {
  if (codec == kNoCodec) return {};
  const Limits& limits = kLimits[codec];
  if (codec == 0) return count_nonfinite<uint32_t>(stored, n, limits);
  if (codec < kFusedCodecs) return count_nonfinite<uint16_t>(stored, n, limits);
  return count_nonfinite<uint8_t>(stored, n, limits);
}

class Copy : public RunningStep {
 public:
  using RunningStep::RunningStep;

  void run_block(uint64_t block, Scratch& scratch) override {
    const Range range = io_.range(block);
    const uint8_t* from = io_.input(0, range, scratch);
    const auto bytes = static_cast<size_t>(io_.bytes_of(range.n));
    for (size_t i = 1; i < io_.step().inputs.size(); ++i) {
      if (std::memcmp(from, io_.input(i, range, scratch), bytes) != 0) {
        throw JobError{"TENSOR_DIFFERS", "input " + std::to_string(i)};
      }
    }
    if (io_.is_streamed()) return stream(range, from, bytes, scratch);
    io_.add_nonfinite(count_nonfinite(io_.step().codec, from, range.n));
    if (io_.to_file()) return io_.end_output(range, from, scratch);
    uint8_t* to = io_.begin_output(range, scratch);
    std::memcpy(to, from, bytes);
    io_.end_output(range, to, scratch);
  }

 private:
  // Counts and copies in turn, while a piece is in the innermost cache.
  void stream(const Range& range, const uint8_t* from, size_t bytes, Scratch& scratch) {
    uint8_t* to = io_.begin_output(range, scratch);
    in_turn(bytes, kStreamedPiece, kStreams, [&](size_t at, size_t piece) {
      io_.add_nonfinite(count_nonfinite(io_.step().codec, from + at, piece * 8 / io_.step().bits));
      stream_out(to + at, from + at, piece);
    });
    io_.end_output(range, to, scratch);
  }
};

}  // namespace

std::unique_ptr<RunningStep> make_copy(StepIo& io) { return std::make_unique<Copy>(io); }
std::unique_ptr<RunningStep> make_same(StepIo& io) { return std::make_unique<Copy>(io); }

}  // namespace weightloom
