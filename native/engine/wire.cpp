#include "wire.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../kernels/args.h"
#include "../targets/table.h"

namespace weightloom {
namespace {

constexpr uint64_t kMagic = 0x323030424F4A4C57ull;  // the bytes "WLJOB002"
constexpr uint64_t kMaxItems = uint64_t{1} << 24;
constexpr double kMaxCount = 9007199254740991.0;
constexpr int kCodecBits[kAllCodecs] = {32, 16, 16, 8, 8};
static_assert(kNoCodec == kAllCodecs);

[[noreturn]] void refuse(const std::string& what) {
  throw JobError{"ARGUMENT", "malformed job: " + what};
}

class Words {
 public:
  Words(const void* words, size_t count) : at_(static_cast<const uint8_t*>(words)), left_(count) {}

  uint64_t next() {
    if (left_ == 0) refuse("it ends early");
    uint64_t word;
    std::memcpy(&word, at_, 8);
    at_ += 8;
    --left_;
    return word;
  }
  uint64_t below(uint64_t limit, const char* what) {
    const uint64_t word = next();
    if (word >= limit) refuse(what);
    return word;
  }
  double number() {
    const uint64_t word = next();
    double x;
    std::memcpy(&x, &word, 8);
    return x;
  }
  size_t left() const { return left_; }

 private:
  const uint8_t* at_;
  size_t left_;
};

std::vector<WireFile> read_files(Words& words, uint64_t count, uint64_t kinds) {
  std::vector<WireFile> files;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t kind = words.below(kinds, "kind of a file");
    files.push_back({kind == 1, words.below(uint64_t{1} << 62, "size of a file"), kind == 2});
  }
  return files;
}

// The span lies inside the file; nothing here can wrap, count * bits being below 2^60.
void check_span(uint64_t offset, uint64_t count, uint64_t bits, const WireFile& file) {
  const uint64_t bytes = (count * bits + 7) / 8;
  if (offset > file.size || bytes > file.size - offset) refuse("a span leaves its file");
}

bool bytes_only(const WireStep& step) {
  if (step.operation == Operation::compare) return step.codec == kNoCodec;
  return step.operation == Operation::copy || step.operation == Operation::same;
}

void check_codec(const WireStep& step, int codec, uint64_t bits) {
  if (codec == kNoCodec) {
    if (!bytes_only(step)) refuse("codec of a step");
  } else if (static_cast<uint64_t>(kCodecBits[codec]) != bits) {
    refuse("width of a dtype");
  }
}

void read_inputs(Words& words, WireStep& step, uint64_t count, const WireJob& job) {
  for (uint64_t i = 0; i < count; ++i) {
    WireInput input;
    const size_t files = job.sources.size();
    input.source =
        static_cast<uint32_t>(words.below(files + job.nested.size(), "source of an input"));
    input.nested = kNotNested;
    if (input.source >= files) input.nested = static_cast<uint32_t>(input.source - files);
    input.offset = words.next();
    const uint64_t codecs = kAllCodecs + (bytes_only(step) ? 1 : 0);
    input.codec = static_cast<int>(words.below(codecs, "codec of an input"));
    step.inputs.push_back(input);
  }
}

// Elements of input `i`: as many as the output has, but a census counts each pair by itself.
uint64_t count_of(const WireStep& step, size_t i) {
  if (step.operation != Operation::census) return step.count;
  const size_t pairs = 1 + static_cast<size_t>(step.parameters[0]);
  return static_cast<uint64_t>(step.parameters[pairs + i / 2 * 2 + 1]);
}

// A nested step makes at least the elements that are wanted, in the dtype that is expected.
void check_nested(const WireStep& step, const WireInput& input, uint64_t bits,
                  const WireStep& nested) {
  const bool fits = input.offset == 0 && bits == nested.bits && step.count <= nested.count &&
                    (bytes_only(step) || input.codec == nested.codec);
  if (!fits || step.operation == Operation::census) refuse("a nested input");
}

// What operations/compare.cpp writes: five numbers, eight for each model, one for each pair.
void check_numbers(const WireStep& step, const WireFile& output) {
  const uint64_t models = step.inputs.size() - 1;
  if (!output.memory) refuse("output of a step");
  check_span(step.offset, 5 + 8 * models + models * (models - 1) / 2, 64, output);
}

void check_spans(const WireStep& step, const WireJob& job, bool nested) {
  for (size_t i = 0; i < step.inputs.size(); ++i) {
    const WireInput& input = step.inputs[i];
    const uint64_t bits =
        bytes_only(step) ? step.bits : static_cast<uint64_t>(kCodecBits[input.codec]);
    if (input.nested != kNotNested) {
      check_nested(step, input, bits, job.nested[input.nested]);
      continue;
    }
    check_span(input.offset, count_of(step, i), bits, job.sources[input.source]);
  }
  if (nested || step.operation == Operation::census) return;
  if (step.operation == Operation::compare) return check_numbers(step, job.outputs[step.output]);
  check_span(step.offset, step.count, step.bits, job.outputs[step.output]);
}

// A row length: a whole number of rows, so that no arithmetic on rows can leave the tensor.
bool fits_width(const WireStep& step, size_t parameter) {
  const double width = step.parameters[parameter];
  if (!(width >= 1 && width <= 9007199254740991.0)) return false;
  return step.count % static_cast<uint64_t>(width) == 0;
}

// kind, axis, width, base flag, then the kind's own numbers; two vectors at least for the pairs.
bool fits_span(const WireStep& step) {
  const auto& p = step.parameters;
  if (p.size() < 4 || !(p[0] >= 0 && p[0] <= 4) || !(p[1] >= 0 && p[1] <= 2)) return false;
  if (!fits_width(step, 2) || step.inputs.size() < (p[3] != 0 ? 2u : 1u)) return false;
  const size_t vectors = step.inputs.size() - (p[3] != 0 ? 1 : 0);
  switch (static_cast<int>(p[0])) {
    case 0:
    case 1:
      return vectors == 2 && p.size() == 5;
    case 2:
      return p.size() == 5 + vectors;
    case 3:
      return p.size() == 6 && p[4] >= 0 && p[4] <= 1e6;
    default:
      return vectors >= 2 && p.size() == 4;
  }
}

// Eleven numbers for all (the last a row length), six for each model: see lib/run/wire.ts.
bool fits_task(const WireStep& step) {
  const auto& p = step.parameters;
  if (step.inputs.size() < 2 || p.size() != 11 + 6 * (step.inputs.size() - 1)) return false;
  constexpr double largest = 9007199254740991.0;
  for (size_t i = 5; i <= 9; ++i) {
    if (!(p[i] >= 0 && p[i] <= largest)) return false;
  }
  for (size_t i = 11; i < p.size(); i += 6) {
    for (size_t k = 1; k <= 4; ++k) {
      if (!(p[i + k] >= 0 && p[i + k] <= largest)) return false;
    }
    if (p[i + 1] > 7) return false;
  }
  return fits_width(step, 10);
}

bool is_count(double x, double least, double limit) {
  return x >= least && x <= limit && x == std::floor(x);
}

// The number of trims, how many elements each keeps; then for each pair of inputs its trim and its
// count. The counts add up to the step's, which has no other meaning.
bool fits_census(const WireStep& step) {
  const auto& p = step.parameters;
  const size_t pairs = step.inputs.size() / 2;
  if (p.empty() || !is_count(p[0], 1, kMaxItems) || step.inputs.size() % 2 != 0) return false;
  const auto trims = static_cast<size_t>(p[0]);
  if (p.size() != 1 + trims + 2 * pairs) return false;
  for (size_t i = 1; i <= trims; ++i) {
    if (!is_count(p[i], 1, kMaxCount)) return false;
  }
  uint64_t total = 0;
  for (size_t i = 1 + trims; i < p.size(); i += 2) {
    if (!is_count(p[i], 0, p[0] - 1) || !is_count(p[i + 1], 0, kMaxCount)) return false;
    total += static_cast<uint64_t>(p[i + 1]);
    if (total > step.count) return false;
  }
  return total == step.count && total > 0;
}

void check_shape(const WireStep& step) {
  const size_t inputs = step.inputs.size();
  const size_t parameters = step.parameters.size();
  bool fits = false;
  switch (step.operation) {
    case Operation::copy:
      fits = inputs == 1 && parameters == 0;
      break;
    case Operation::same:
      fits = inputs >= 1 && parameters == 0;
      break;
    case Operation::linear:
      fits = inputs >= 1 && parameters == 3 + inputs;
      break;
    case Operation::span:
      fits = fits_span(step);
      break;
    case Operation::task:
      fits = fits_task(step);
      break;
    case Operation::nearswap:
      fits = inputs == 2 && parameters == 1;
      break;
    case Operation::ram:
      fits = inputs >= 2 && parameters == 4;
      break;
    case Operation::sce:
      fits = inputs >= 2 && parameters == 1;
      break;
    case Operation::arcee_fusion:
      fits = inputs == 2 && parameters == 1 && fits_width(step, 0);
      break;
    case Operation::compare:
      fits = inputs >= 2 && parameters == 1 &&
             (step.codec == kNoCodec ? step.parameters[0] == 0 && step.bits % 8 == 0
                                     : step.parameters[0] == 0 || step.parameters[0] == 1);
      break;
    case Operation::census:
      if (!fits_census(step)) refuse("inputs or parameters of a step");
      return;
  }
  if (!fits || inputs > kMaxTaskInputs + 1) refuse("inputs or parameters of a step");
}

WireStep read_step(Words& words, const WireJob& job, bool nested) {
  WireStep step;
  step.operation = static_cast<Operation>(words.below(kOperations, "operation of a step"));
  step.output = static_cast<uint32_t>(words.below(job.outputs.size(), "output of a step"));
  step.offset = words.next();
  step.codec = static_cast<int>(words.below(kAllCodecs + 1, "codec of a step"));
  step.bits = static_cast<uint32_t>(words.below(65, "element width"));
  step.count = words.below(uint64_t{1} << 53, "element count");
  const uint64_t inputs = words.below(kMaxItems, "input count");
  const uint64_t parameters = words.below(kMaxItems, "parameter count");
  if (step.bits == 0) refuse("element width");
  check_codec(step, step.codec, step.bits);
  if (inputs * 3 + parameters > words.left()) refuse("it ends early");
  read_inputs(words, step, inputs, job);
  for (uint64_t i = 0; i < parameters; ++i) step.parameters.push_back(words.number());
  check_shape(step);
  check_spans(step, job, nested);
  return step;
}

// Steps that draw from the torch stream must take consecutive parts of it in their order, or one
// would wait for draws that never come.
void check_draws(const WireJob& job) {
  uint64_t position = 0;
  for (const WireStep& step : job.steps) {
    const auto& p = step.parameters;
    if (step.operation != Operation::task || p[7] == 0) continue;
    if (static_cast<uint64_t>(p[9]) != position) refuse("order of random draws");
    for (size_t i = 11; i < p.size(); i += 6) {
      const bool draws = p[i + 1] == 2 || p[i + 1] == 4 || p[i + 1] == 6;
      if (draws) position += step.count;
    }
  }
}

// Whatever depends on other steps cannot be made on demand.
void check_nestable(const WireStep& step) {
  const auto& p = step.parameters;
  bool depends = step.operation == Operation::census || step.operation == Operation::compare;
  if (step.operation == Operation::task) {
    depends = p[7] != 0;
    for (size_t i = 11; i < p.size(); i += 6) depends = depends || p[i + 1] == 7;
  }
  if (depends) refuse("operation of a nested step");
}

// A step is made anew for each input that wants it, so chains must stay short.
void check_depth(const WireJob& job) {
  std::vector<int> depths;
  for (const WireStep& step : job.nested) {
    int depth = 1;
    for (const WireInput& input : step.inputs) {
      if (input.nested != kNotNested) depth = std::max(depth, depths[input.nested] + 1);
    }
    if (depth > kMostNested) refuse("depth of nested steps");
    depths.push_back(depth);
  }
}

// A global threshold must have been found before it is used.
void check_trims(const WireJob& job) {
  double known = 0;
  for (const WireStep& step : job.steps) {
    const auto& p = step.parameters;
    if (step.operation == Operation::census) known = p[0];
    if (step.operation != Operation::task) continue;
    for (size_t i = 11; i < p.size(); i += 6) {
      if (p[i + 1] == 7 && !is_count(p[i + 2], 0, known - 1)) refuse("trim of a step");
    }
  }
}

}  // namespace

WireJob read_wire(const void* data, size_t word_count) {
  Words words(data, word_count);
  if (words.next() != kMagic) refuse("magic");
  const uint64_t sources = words.below(kMaxItems, "source count");
  const uint64_t outputs = words.below(kMaxItems, "output count");
  const uint64_t nested = words.below(kMaxItems, "nested step count");
  const uint64_t steps = words.below(kMaxItems, "step count");
  WireJob job;
  job.sources = read_files(words, sources, 2);
  job.outputs = read_files(words, outputs, 3);
  for (uint64_t i = 0; i < nested; ++i) {
    job.nested.push_back(read_step(words, job, true));
    check_nestable(job.nested.back());
  }
  check_depth(job);
  for (uint64_t i = 0; i < steps; ++i) job.steps.push_back(read_step(words, job, false));
  if (words.left() != 0) refuse("words after its end");
  check_draws(job);
  check_trims(job);
  return job;
}

}  // namespace weightloom
