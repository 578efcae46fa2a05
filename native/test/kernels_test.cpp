// Every kernel of table.def, on every target of this machine, gives the bits of the scalar target:
// all codecs, lengths around every vector width, inputs and outputs at byte offsets 0 to 3 against
// a guard page, NaN, infinities, denormals and -0 among the values.
#include <cmath>
#include <string>

#include "../targets/dispatch.h"
#include "check.h"
#include "guarded.h"
#include "stored_values.h"

using namespace weightloom;
using namespace weightloom_test;

namespace {

constexpr uint32_t kLimitBits[kFusedCodecs] = {0x7F800000u, 0x477FF000u, 0x7F7F8000u};
constexpr uint32_t kVariants = 6;
constexpr size_t kInputs = 5;

size_t mask_words(size_t n) { return (n + 63) / 64; }

// One kernel call, to be repeated on every target. `variant` chooses its options.
struct Call {
  int codec;
  size_t n;
  uint32_t variant;
  std::vector<Bytes> stored;  // kInputs arrays of n elements
  std::vector<Bytes> masks;   // as many bit masks
  Bytes floats;               // n binary32 numbers
};

Bytes random_floats(size_t n, RandomWords& random) {
  Bytes out(n * 4);
  for (size_t i = 0; i < n; ++i) {
    const uint32_t bits = awkward_bits(random);
    std::memcpy(&out[i * 4], &bits, 4);
  }
  return out;
}

Call make_call(int codec, size_t n, uint32_t variant) {
  RandomWords random((n * kVariants + variant) * 8 + static_cast<uint64_t>(codec));
  Call call{codec, n, variant, {}, {}, random_floats(n, random)};
  for (size_t i = 0; i < kInputs; ++i) {
    call.stored.push_back(random_stored(codec, n, random));
    Bytes mask(mask_words(n) * 8);
    for (uint8_t& byte : mask) byte = static_cast<uint8_t>(random.next());
    call.masks.push_back(mask);
  }
  return call;
}

template <class T>
Bytes bytes_of(const T* from, size_t count) {
  Bytes out(count * sizeof(T));
  if (count != 0) std::memcpy(out.data(), from, out.size());
  return out;
}

void append(Bytes& to, const Bytes& more) { to.insert(to.end(), more.begin(), more.end()); }

// Which NaN a sum is does not count, since no kernel or engine lets it out.
void append_sums(Bytes& to, const double* sums) {
  for (int i = 0; i < 16; ++i) {
    const double sum = std::isnan(sums[i]) ? HUGE_VAL : sums[i];
    append(to, bytes_of(&sum, 1));
  }
}

double* begin_sums(Arena& arena) {
  double* sums = arena.output_of<double>(16);
  for (int i = 0; i < 16; ++i) sums[i] = 0.5 * i;
  return sums;
}

std::vector<const void*> place_inputs(const Call& c, Arena& arena, size_t first, size_t count) {
  std::vector<const void*> inputs;
  for (size_t i = 0; i < count; ++i) inputs.push_back(arena.input(c.stored[first + i]));
  return inputs;
}

Bytes run_linear(const KernelTable& table, const Call& c, Arena& arena) {
  constexpr float weights[kInputs] = {0.3f, 0.7f, -1.25f, 1e30f, 3e-39f};
  const size_t count = 1 + c.variant % kInputs;
  const auto inputs = place_inputs(c, arena, 0, count);
  uint8_t* out = arena.output(c.n * kWidth[c.codec]);
  Nonfinite seen{};
  const bool divide = c.variant % 2 == 1, mean = c.variant >= 3;
  table.linear[c.codec]({inputs.data(), weights, static_cast<uint32_t>(count), divide, mean, 0.9f,
                         float_of(kLimitBits[c.codec]), out, c.n, &seen});
  Bytes result = bytes_of(out, c.n * kWidth[c.codec]);
  append(result, bytes_of(&seen, 1));
  return result;
}

Bytes run_task(void (*kernel)(const TaskArgs&), const Call& c, Arena& arena) {
  constexpr float weights[kInputs - 1] = {0.6f, 0.9f, -0.2f, 1.0f};
  constexpr float rescales[kInputs - 1] = {1.7f, 1.0f, 0.4f, 3e38f};
  const size_t count = 1 + c.variant % (kInputs - 1);
  const uint8_t* base = arena.input(c.stored[0]);
  const auto inputs = place_inputs(c, arena, 1, count);
  std::vector<const uint8_t*> masks(count);
  for (size_t m = 0; m < count; ++m) {
    const auto* mask = arena.input_of<uint64_t>(c.masks[m]);
    if (m != 1) masks[m] = reinterpret_cast<const uint8_t*>(mask);
  }
  uint8_t* out = arena.output(c.n * kWidth[c.codec]);
  Nonfinite seen{};
  const bool masked = c.variant != 1, rescaled = c.variant >= 3, normalize = c.variant % 2 == 0;
  const float lambda = c.variant < 2 ? 1.0f : 0.7f;
  kernel({base, inputs.data(), weights, rescales, masks.data(), static_cast<uint32_t>(count),
          masked, rescaled, normalize, 1.3f, lambda, float_of(kLimitBits[c.codec]), out, c.n,
          &seen});
  Bytes result = bytes_of(out, c.n * kWidth[c.codec]);
  append(result, bytes_of(&seen, 1));
  return result;
}

Bytes run_task_arithmetic(const KernelTable& table, const Call& c, Arena& arena) {
  return run_task(table.task_arithmetic[c.codec], c, arena);
}

Bytes run_ties(const KernelTable& table, const Call& c, Arena& arena) {
  return run_task(table.ties[c.codec], c, arena);
}

Bytes run_dot(const KernelTable& table, const Call& c, Arena& arena) {
  const uint8_t* x = arena.input(c.stored[0]);
  const uint8_t* y = arena.input(c.stored[c.variant % kInputs]);
  double* sums = begin_sums(arena);
  table.dot[c.codec]({x, y, c.n, sums});
  Bytes result;
  append_sums(result, sums);
  return result;
}

Bytes run_delta_magnitude(const KernelTable& table, const Call& c, Arena& arena) {
  const uint8_t* x = arena.input(c.stored[0]);
  const uint8_t* base = arena.input(c.stored[c.variant % kInputs]);
  auto* magnitudes = arena.output_of<uint32_t>(c.n);
  table.delta_magnitude[c.codec]({x, base, c.n, magnitudes});
  return bytes_of(magnitudes, c.n);
}

Bytes run_delta_sum(const KernelTable& table, const Call& c, Arena& arena) {
  const uint8_t* x = arena.input(c.stored[0]);
  const uint8_t* base = arena.input(c.stored[1]);
  const auto* mask = arena.input_of<uint64_t>(c.masks[0]);
  double* all = begin_sums(arena);
  double* kept = begin_sums(arena);
  table.delta_sum[c.codec]({x, base, c.n, mask, all, kept});
  Bytes result;
  append_sums(result, all);
  append_sums(result, kept);
  return result;
}

// The threshold is the magnitude of one of the elements, so that some tie with it.
Bytes run_keep_magnitude(const KernelTable& table, const Call& c, Arena& arena) {
  std::vector<uint32_t> magnitudes(c.n + 1);
  scalar_table.delta_magnitude[c.codec](
      {c.stored[0].data(), c.stored[1].data(), c.n, magnitudes.data()});
  const uint32_t threshold = c.variant == 0 ? 0 : magnitudes[c.n * c.variant / kVariants];
  const auto cut = static_cast<uint32_t>(c.n * (c.variant % 3) / 2);
  const uint8_t* x = arena.input(c.stored[0]);
  const uint8_t* base = arena.input(c.stored[1]);
  auto* mask = arena.output_of<uint64_t>(mask_words(c.n));
  table.keep_magnitude[c.codec]({x, base, c.n, threshold, cut, mask});
  return bytes_of(mask, mask_words(c.n));
}

Bytes run_keep_random(const KernelTable& table, const Call& c, Arena& arena) {
  constexpr uint64_t firsts[] = {0, 64 * 12345, (uint64_t{1} << 34) - 64};
  constexpr uint64_t thresholds[] = {0, 0x80000000u, 0xFFFFFFFFu, 1000000000u};
  auto* mask = arena.output_of<uint64_t>(mask_words(c.n));
  table.keep_random({{c.variant * 77, 0xDEADBEEFu},
                     firsts[c.variant % 3],
                     c.variant,
                     1,
                     thresholds[c.variant % 4],
                     c.n,
                     mask});
  return bytes_of(mask, mask_words(c.n));
}

Bytes run_decode(const KernelTable& table, const Call& c, Arena& arena) {
  const uint8_t* in = arena.input(c.stored[c.variant % kInputs]);
  auto* out = arena.output_of<float>(c.n);
  table.decode[c.codec]({in, out, c.n});
  return bytes_of(out, c.n);
}

Bytes run_encode(const KernelTable& table, const Call& c, Arena& arena) {
  const auto* in = arena.input_of<float>(c.floats);
  uint8_t* out = arena.output(c.n * kWidth[c.codec]);
  table.encode[c.codec]({in, out, c.n});
  return bytes_of(out, c.n * kWidth[c.codec]);
}

// A line here for each line of table.def: without its run_ function this does not compile.
struct Kernel {
  const char* name;
  int codecs;
  Bytes (*run)(const KernelTable&, const Call&, Arena&);
};
const Kernel kKernels[] = {
#define FUSED(kernel, Args) {#kernel, kFusedCodecs, &run_##kernel},
#define PLAIN(kernel, Args) {#kernel, 1, &run_##kernel},
#define CONVERT(kernel, Args) {#kernel, kAllCodecs, &run_##kernel},
#include "../kernels/table.def"
};

void check_call(const Kernel& kernel, const Call& call, Arena& arena) {
  arena.begin(0);
  const Bytes want = kernel.run(scalar_table, call, arena);
  for (const KernelTable* table : runnable_targets()) {
    for (size_t gap = 0; gap < 4; ++gap) {
      arena.begin(gap);
      const Bytes got = kernel.run(*table, call, arena);
      CHECK_THAT(got == want, "%s on %s, codec %d, n %zu, variant %u, gap %zu", kernel.name,
                 table->name, call.codec, call.n, call.variant, gap);
      CHECK_THAT(arena.intact(), "%s on %s, codec %d, n %zu, variant %u, gap %zu", kernel.name,
                 table->name, call.codec, call.n, call.variant, gap);
    }
  }
}

std::vector<size_t> lengths() {
  std::vector<size_t> out;
  for (size_t n = 0; n <= 70; ++n) out.push_back(n);
  for (const size_t n : {1000, 4096, 4097, 4103, 4104, 4111, 4112, 4113, 4129}) out.push_back(n);
  return out;
}

}  // namespace

int main() {
  Arena arena;
  for (int codec = 0; codec < kAllCodecs; ++codec) {
    for (const size_t n : lengths()) {
      for (uint32_t variant = 0; variant < kVariants; ++variant) {
        const Call call = make_call(codec, n, variant);
        for (const Kernel& kernel : kKernels) {
          if (codec < kernel.codecs) check_call(kernel, call, arena);
        }
      }
    }
  }
  std::string names;
  for (const KernelTable* table : runnable_targets()) names += std::string(" ") + table->name;
  std::printf("targets:%s\n", names.c_str());
  return check_result();
}
