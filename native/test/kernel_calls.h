// One call of each kernel on prepared inputs, with everything it wrote as bytes: `run_<kernel>` for
// every line of kernels/table.def.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "../simd/past_cache.h"
#include "guarded.h"
#include "plain_xxh64.h"
#include "stored_values.h"

namespace weightloom_test {

using namespace weightloom;

constexpr uint32_t kLimitBits[kFusedCodecs] = {0x7F800000u, 0x477FF000u, 0x7F7F8000u};
constexpr uint32_t kVariants = 6;
constexpr size_t kInputs = 5;
constexpr uint32_t kBins = 64;

inline size_t mask_words(size_t n) { return (n + 63) / 64; }

// One kernel call, to be repeated on every target. `variant` chooses its options.
struct Call {
  int codec;
  size_t n;
  uint32_t variant;
  std::vector<Bytes> stored;  // kInputs arrays of n elements
  std::vector<Bytes> masks;   // as many bit masks
  Bytes floats;               // n binary32 numbers
  Bytes keys;                 // n magnitudes as the selections have them
  Bytes bins;                 // n numbers of bins
  Bytes ends;                 // kBins packed thresholds
};

inline Bytes random_floats(size_t n, RandomWords& random) {
  Bytes out(n * 4);
  for (size_t i = 0; i < n; ++i) {
    const uint32_t bits = awkward_bits(random);
    std::memcpy(&out[i * 4], &bits, 4);
  }
  return out;
}

inline Bytes keys_of(const Bytes& floats) {
  Bytes keys = floats;
  for (size_t i = 0; i < keys.size(); i += 4) {
    uint32_t key;
    std::memcpy(&key, &keys[i], 4);
    key &= 0x7FFFFFFFu;
    if (key > 0x7F800000u) key = 0x7FFFFFFFu;
    std::memcpy(&keys[i], &key, 4);
  }
  return keys;
}

inline Bytes random_bins(size_t n, RandomWords& random) {
  Bytes bins(n * 4);
  for (size_t i = 0; i < n; ++i) {
    const auto bin = static_cast<uint32_t>(random.below(kBins));
    std::memcpy(&bins[4 * i], &bin, 4);
  }
  return bins;
}

inline Call make_call(int codec, size_t n, uint32_t variant) {
  RandomWords random((n * kVariants + variant) * 8 + static_cast<uint64_t>(codec));
  Call call{codec, n, variant, {}, {}, random_floats(n, random), {}, {}, Bytes(kBins * 4)};
  for (size_t i = 0; i < kInputs; ++i) {
    call.stored.push_back(random_stored(codec, n, random));
    Bytes mask(mask_words(n) * 8);
    for (uint8_t& byte : mask) byte = static_cast<uint8_t>(random.next());
    call.masks.push_back(mask);
  }
  call.keys = keys_of(call.floats);
  call.bins = random_bins(n, random);
  for (uint8_t& byte : call.ends) byte = static_cast<uint8_t>(random.next());
  return call;
}

template <class T>
Bytes bytes_of(const T* from, size_t count) {
  Bytes out(count * sizeof(T));
  if (count != 0) std::memcpy(out.data(), from, out.size());
  return out;
}

inline void append(Bytes& to, const Bytes& more) { to.insert(to.end(), more.begin(), more.end()); }

inline Bytes output_and(const uint8_t* out, const Call& c, const Nonfinite& seen) {
  Bytes result = bytes_of(out, c.n * kWidth[c.codec]);
  append(result, bytes_of(&seen, 1));
  return result;
}

// Which NaN a sum is does not count, since no kernel or engine lets it out.
inline void append_sums(Bytes& to, const double* sums) {
  for (int i = 0; i < 16; ++i) {
    const double sum = std::isnan(sums[i]) ? HUGE_VAL : sums[i];
    append(to, bytes_of(&sum, 1));
  }
}

inline double* begin_sums(Arena& arena) {
  double* sums = arena.output_of<double>(16);
  for (int i = 0; i < 16; ++i) sums[i] = 0.5 * i;
  return sums;
}

inline std::vector<const void*> place_inputs(const Call& c, Arena& arena, size_t first,
                                             size_t count) {
  std::vector<const void*> inputs;
  for (size_t i = 0; i < count; ++i) inputs.push_back(arena.input(c.stored[first + i]));
  return inputs;
}

// Every other time that it may.
inline bool past_cache(const Call& c, const uint8_t* out) {
  return c.variant % 2 == 0 && reinterpret_cast<uintptr_t>(out) % kPastCacheBytes == 0;
}

inline Bytes run_linear(const KernelTable& table, const Call& c, Arena& arena) {
  constexpr float weights[kInputs] = {0.3f, 0.7f, -1.25f, 1e30f, 3e-39f};
  const size_t count = 1 + c.variant % kInputs;
  const auto inputs = place_inputs(c, arena, 0, count);
  uint8_t* out = arena.output(c.n * kWidth[c.codec]);
  Nonfinite seen{};
  const bool divide = c.variant % 2 == 1, mean = c.variant >= 3;
  table.linear[c.codec]({inputs.data(), weights, static_cast<uint32_t>(count), divide, mean, 0.9f,
                         float_of(kLimitBits[c.codec]), out, c.n, &seen, past_cache(c, out)});
  return output_and(out, c, seen);
}

inline Bytes run_task(void (*kernel)(const TaskArgs&), const Call& c, Arena& arena) {
  constexpr float weights[kInputs - 1] = {0.6f, 0.9f, -0.2f, 1.0f};
  constexpr float rescales[kInputs - 1] = {1.7f, 1.0f, 0.4f, 3e38f};
  constexpr float shares[kInputs - 1] = {1.0f, 1.0f, 0.5f, 0.0f};
  constexpr float floors[kInputs - 1] = {0.25f, 0.0f, HUGE_VALF, 1e-40f};
  const size_t count = 1 + c.variant % (kInputs - 1);
  const uint8_t* base = arena.input(c.stored[0]);
  const auto inputs = place_inputs(c, arena, 1, count);
  std::vector<const uint8_t*> masks(count);
  std::vector<const float*> factors(count);
  for (size_t m = 0; m < count; ++m) {
    if (m != 1) masks[m] = reinterpret_cast<const uint8_t*>(arena.input_of<uint64_t>(c.masks[m]));
    if (m != 0) factors[m] = arena.input_of<float>(c.floats);
  }
  uint8_t* out = arena.output(c.n * kWidth[c.codec]);
  Nonfinite seen{};
  kernel({.base = base,
          .inputs = inputs.data(),
          .weights = weights,
          .rescales = rescales,
          .shares = shares,
          .element_factors = c.variant < 3 ? nullptr : factors.data(),
          .masks = masks.data(),
          .floors = c.variant % 3 == 0 ? nullptr : floors,
          .input_count = static_cast<uint32_t>(count),
          .masked = c.variant != 1,
          .rescaled = c.variant >= 3,
          .normalize = c.variant % 2 == 0,
          .divisor = 1.3f,
          .lambda = c.variant < 2 ? 1.0f : 0.7f,
          .limit = float_of(kLimitBits[c.codec]),
          .out = out,
          .n = c.n,
          .nonfinite = &seen,
          .past_cache = past_cache(c, out)});
  return output_and(out, c, seen);
}

inline Bytes run_task_arithmetic(const KernelTable& table, const Call& c, Arena& arena) {
  return run_task(table.task_arithmetic[c.codec], c, arena);
}

inline Bytes run_ties(const KernelTable& table, const Call& c, Arena& arena) {
  return run_task(table.ties[c.codec], c, arena);
}

inline Bytes run_linear_columns(const KernelTable& table, const Call& c, Arena& arena) {
  const size_t count = 1 + c.variant % (kInputs - 1);
  const uint8_t* base = arena.input(c.stored[0]);
  const auto inputs = place_inputs(c, arena, 1, count);
  std::vector<const float*> weights;
  for (size_t m = 0; m < count; ++m) {
    const auto* column = arena.input_of<float>(c.floats);
    weights.push_back(column);
  }
  uint8_t* out = arena.output(c.n * kWidth[c.codec]);
  Nonfinite seen{};
  const auto* means = arena.input_of<float>(c.floats);
  table.linear_columns[c.codec]({c.variant % 2 == 0 ? base : nullptr, inputs.data(), weights.data(),
                                 means, static_cast<uint32_t>(count), float_of(kLimitBits[c.codec]),
                                 out, c.n, &seen});
  return output_and(out, c, seen);
}

inline Bytes run_nearswap(const KernelTable& table, const Call& c, Arena& arena) {
  constexpr float shares[kVariants] = {0.0f, 1e-3f, 0.05f, 1.0f, -1.0f, 1e-7f};
  const uint8_t* base = arena.input(c.stored[0]);
  const uint8_t* x = arena.input(c.stored[1]);
  uint8_t* out = arena.output(c.n * kWidth[c.codec]);
  Nonfinite seen{};
  table.nearswap[c.codec](
      {base, x, shares[c.variant], float_of(kLimitBits[c.codec]), out, c.n, &seen});
  return output_and(out, c, seen);
}

constexpr float kEpsilons[kVariants] = {0.0f, 1e-5f, 1e-2f, 0.05f, 0.5f, 1e9f};

inline Bytes run_ram(const KernelTable& table, const Call& c, Arena& arena) {
  constexpr float boosts[kInputs - 1] = {1.0f, 1.1f, 0.7f, 3e38f};
  const size_t count = 1 + c.variant % (kInputs - 1);
  const uint8_t* base = arena.input(c.stored[0]);
  const auto inputs = place_inputs(c, arena, 1, count);
  uint8_t* out = arena.output(c.n * kWidth[c.codec]);
  Nonfinite seen{};
  table.ram[c.codec]({base, inputs.data(), boosts, static_cast<uint32_t>(count),
                      kEpsilons[c.variant], float_of(kLimitBits[c.codec]), out, c.n, &seen});
  return output_and(out, c, seen);
}

inline Bytes run_ram_count(const KernelTable& table, const Call& c, Arena& arena) {
  const size_t count = 1 + c.variant % (kInputs - 1);
  const uint8_t* base = arena.input(c.stored[0]);
  const auto inputs = place_inputs(c, arena, 1, count);
  uint64_t shared[kInputs] = {7, 8, 9}, unique[kInputs] = {1, 2, 3};
  table.ram_count[c.codec]({base, inputs.data(), static_cast<uint32_t>(count), kEpsilons[c.variant],
                            c.n, shared, unique});
  Bytes result = bytes_of(shared, kInputs);
  append(result, bytes_of(unique, kInputs));
  return result;
}

inline Bytes run_sce(const KernelTable& table, const Call& c, Arena& arena) {
  constexpr float shares[kInputs - 1] = {0.5f, 0.25f, 1e-8f, 0.3f};
  const size_t count = 1 + c.variant % (kInputs - 1);
  const uint8_t* base = arena.input(c.stored[0]);
  const auto inputs = place_inputs(c, arena, 1, count);
  const auto* mask = arena.input_of<uint64_t>(c.masks[0]);
  uint8_t* out = arena.output(c.n * kWidth[c.codec]);
  Nonfinite seen{};
  table.sce[c.codec]({base, inputs.data(), shares, static_cast<uint32_t>(count),
                      c.variant < 2 ? nullptr : mask, float_of(kLimitBits[c.codec]), out, c.n,
                      &seen});
  return output_and(out, c, seen);
}

inline Bytes run_sce_variance(const KernelTable& table, const Call& c, Arena& arena) {
  const size_t count = 1 + c.variant % (kInputs - 1);
  const uint8_t* base = arena.input(c.stored[0]);
  const auto inputs = place_inputs(c, arena, 1, count);
  auto* keys = arena.output_of<uint32_t>(c.n);
  table.sce_variance[c.codec]({base, inputs.data(), static_cast<uint32_t>(count), c.n, keys});
  return bytes_of(keys, c.n);
}

inline Bytes run_choose(const KernelTable& table, const Call& c, Arena& arena) {
  const uint8_t* base = arena.input(c.stored[0]);
  const uint8_t* x = arena.input(c.stored[1]);
  const auto* mask = arena.input_of<uint64_t>(c.masks[c.variant % kInputs]);
  uint8_t* out = arena.output(c.n * kWidth[c.codec]);
  Nonfinite seen{};
  table.choose[c.codec]({base, x, mask, float_of(kLimitBits[c.codec]), out, c.n, &seen});
  return output_and(out, c, seen);
}

inline Bytes run_dot(const KernelTable& table, const Call& c, Arena& arena) {
  const uint8_t* x = arena.input(c.stored[0]);
  const uint8_t* y = arena.input(c.stored[c.variant % kInputs]);
  double* sums = begin_sums(arena);
  const uint8_t* base = arena.input(c.stored[2]);
  table.dot[c.codec]({x, y, c.variant % 2 == 0 ? nullptr : base, c.n, sums});
  Bytes result;
  append_sums(result, sums);
  return result;
}

inline Bytes run_gram(const KernelTable& table, const Call& c, Arena& arena) {
  const uint32_t count = 1 + c.variant % 4;
  std::vector<const void*> vectors;
  for (uint32_t i = 0; i < count; ++i) vectors.push_back(arena.input(c.stored[i]));
  const uint8_t* base = arena.input(c.stored[4]);
  std::vector<double> sums(size_t{16} * count * (count + 1) / 2);
  for (size_t i = 0; i < sums.size(); ++i) sums[i] = static_cast<double>(i) * 0.5;
  table.gram[c.codec](
      {vectors.data(), count, c.variant % 2 == 0 ? nullptr : base, c.n, sums.data()});
  Bytes result;
  for (size_t k = 0; k < sums.size(); k += 16) append_sums(result, &sums[k]);
  return result;
}

inline Bytes run_compare(const KernelTable& table, const Call& c, Arena& arena) {
  const uint8_t* base = arena.input(c.stored[0]);
  const uint8_t* x = arena.input(c.stored[c.variant % kInputs]);
  double* sums = arena.output_of<double>(5 * 16);
  for (int i = 0; i < 5 * 16; ++i) sums[i] = 0.5 * i;
  float largest = c.variant < 3 ? 0.0f : 0.05f;
  uint64_t equal = c.variant;
  table.compare[c.codec]({base, x, c.n, sums, &largest, &equal});
  Bytes result = bytes_of(&largest, 1);
  append(result, bytes_of(&equal, 1));
  for (int k = 0; k < 5; ++k) append_sums(result, sums + 16 * k);
  return result;
}

inline Bytes run_conflicts(const KernelTable& table, const Call& c, Arena& arena) {
  const size_t count = 1 + c.variant % (kInputs - 1);
  const uint8_t* base = arena.input(c.stored[0]);
  const auto inputs = place_inputs(c, arena, 1, count);
  double* sums = begin_sums(arena);
  uint64_t conflicts = 3, active = 7;
  table.conflicts[c.codec](
      {base, inputs.data(), static_cast<uint32_t>(count), c.n, sums, &conflicts, &active});
  Bytes result = bytes_of(&conflicts, 1);
  append(result, bytes_of(&active, 1));
  append_sums(result, sums);
  return result;
}

inline Bytes run_delta_magnitude(const KernelTable& table, const Call& c, Arena& arena) {
  const uint8_t* x = arena.input(c.stored[0]);
  const uint8_t* base = arena.input(c.stored[c.variant % kInputs]);
  auto* magnitudes = arena.output_of<uint32_t>(c.n);
  table.delta_magnitude[c.codec]({x, base, c.n, magnitudes});
  return bytes_of(magnitudes, c.n);
}

// A range between the magnitudes of two of the elements.
inline Bytes run_collect_magnitude(const KernelTable& table, const Call& c, Arena& arena) {
  std::vector<uint32_t> magnitudes(c.n + 1);
  scalar_table.delta_magnitude[c.codec](
      {c.stored[0].data(), c.stored[1].data(), c.n, magnitudes.data()});
  const uint32_t one = magnitudes[c.n / 3], other = magnitudes[c.n / 2];
  const uint32_t low = c.variant == 0 ? 0 : std::min(one, other);
  const uint32_t high = c.variant == 1 ? 0xFFFFFFFFu : std::max(one, other);
  const uint8_t* x = arena.input(c.stored[0]);
  const uint8_t* base = arena.input(c.stored[1]);
  uint64_t above = 5, inside = 0;
  auto* keys = arena.output_of<uint32_t>(c.n + kListRoom);
  uint32_t* const wanted = c.variant == 2 ? nullptr : keys;
  table.collect_magnitude[c.codec]({x, base, c.n, low, high, wanted, &above, &inside});
  Bytes result = bytes_of(&above, 1);
  append(result, bytes_of(&inside, 1));
  if (wanted != nullptr) append(result, bytes_of(keys, inside));
  return result;
}

inline Bytes run_delta_sum(const KernelTable& table, const Call& c, Arena& arena) {
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
inline Bytes run_keep_magnitude(const KernelTable& table, const Call& c, Arena& arena) {
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

inline Bytes run_delta_squares(const KernelTable& table, const Call& c, Arena& arena) {
  const uint8_t* x = arena.input(c.stored[0]);
  const uint8_t* base = arena.input(c.stored[1]);
  const auto* mask = arena.input_of<uint64_t>(c.masks[0]);
  double* sums = begin_sums(arena);
  table.delta_squares[c.codec]({x, base, c.n, c.variant % 2 == 0 ? nullptr : mask, sums});
  Bytes result;
  append_sums(result, sums);
  return result;
}

inline uint32_t key_of(const Call& c, size_t element) {
  uint32_t key = 0;
  if (element < c.n) std::memcpy(&key, &c.keys[4 * element], 4);
  return key;
}

inline Bytes run_collect_keys(const KernelTable& table, const Call& c, Arena& arena) {
  const uint32_t one = key_of(c, c.n / 3), other = key_of(c, c.n / 2);
  const uint32_t low = c.variant == 0 ? 0 : std::min(one, other);
  const uint32_t high = c.variant == 1 ? 0xFFFFFFFFu : std::max(one, other);
  uint64_t above = 5, inside = 0;
  auto* kept = arena.output_of<uint32_t>(c.n + kListRoom);
  uint32_t* const wanted = c.variant == 2 ? nullptr : kept;
  const auto* keys = arena.input_of<uint32_t>(c.keys);
  table.collect_keys({keys, c.n, low, high, wanted, &above, &inside});
  Bytes result = bytes_of(&above, 1);
  append(result, bytes_of(&inside, 1));
  if (wanted != nullptr) append(result, bytes_of(kept, inside));
  return result;
}

inline Bytes run_tally_keys(const KernelTable& table, const Call& c, Arena& arena) {
  auto* keys = arena.output_of<uint32_t>(c.n + kListRoom);
  for (size_t i = 0; i < c.n; ++i) keys[i] = key_of(c, i);
  std::vector<uint32_t> frequent;
  for (size_t f = 0; f < c.variant % 4; ++f) frequent.push_back(key_of(c, f * c.n / 4));
  std::sort(frequent.begin(), frequent.end());
  frequent.erase(std::unique(frequent.begin(), frequent.end()), frequent.end());
  std::vector<uint32_t> tallies(frequent.size(), 7);
  uint64_t left = 77;
  table.tally_keys({keys, c.n, frequent.data(), frequent.size(), tallies.data(), &left});
  Bytes result = bytes_of(&left, 1);
  append(result, bytes_of(keys, left));
  append(result, bytes_of(tallies.data(), tallies.size()));
  return result;
}

inline Bytes run_keep_keys(const KernelTable& table, const Call& c, Arena& arena) {
  const uint32_t threshold = c.variant == 0 ? 0 : key_of(c, c.n * c.variant / kVariants);
  const auto cut = static_cast<uint32_t>(c.n * (c.variant % 3) / 2);
  const auto* keys = arena.input_of<uint32_t>(c.keys);
  auto* mask = arena.output_of<uint64_t>(mask_words(c.n));
  table.keep_keys({keys, c.n, threshold, cut, mask});
  return bytes_of(mask, mask_words(c.n));
}

constexpr uint64_t kFirsts[] = {0, 64 * 12345, (uint64_t{1} << 34) - 64};

inline Bytes run_keep_random(const KernelTable& table, const Call& c, Arena& arena) {
  constexpr uint64_t thresholds[] = {0, 0x80000000u, 0xFFFFFFFFu, 1000000000u};
  auto* mask = arena.output_of<uint64_t>(mask_words(c.n));
  table.keep_random({{c.variant * 77, 0xDEADBEEFu},
                     kFirsts[c.variant % 3],
                     c.variant,
                     1,
                     thresholds[c.variant % 4],
                     c.n,
                     mask});
  return bytes_of(mask, mask_words(c.n));
}

inline Bytes run_random_words(const KernelTable& table, const Call& c, Arena& arena) {
  auto* words = arena.output_of<uint32_t>(c.n);
  table.random_words(
      {{c.variant * 77, 0xDEADBEEFu}, kFirsts[c.variant % 3], c.variant, 1, c.n, words});
  return bytes_of(words, c.n);
}

inline Bytes run_count_within(const KernelTable& table, const Call& c, Arena& arena) {
  const uint32_t key = c.variant == 0 ? 0 : key_of(c, c.n * c.variant / kVariants);
  const bool below = c.variant % 2 == 0;
  uint32_t count = 77;
  table.count_within({arena.input_of<uint32_t>(c.keys), c.n, below ? 0 : key,
                      below ? key + 1 : c.variant, &count});
  return bytes_of(&count, 1);
}

inline Bytes run_deal_keys(const KernelTable& table, const Call& c, Arena& arena) {
  const int shift = 18 + static_cast<int>(c.variant), zero_shift = 4 + static_cast<int>(c.variant);
  const uint32_t top = 0x7F000000u >> shift, low = c.variant % 2 == 0 ? 0 : top / 2;
  const auto zeros = static_cast<uint32_t>(c.n >> zero_shift) + 1;
  const size_t count = kRowParts * (zeros + top - low + 1);
  auto* counts = arena.output_of<uint32_t>(count);
  std::fill(counts, counts + count, c.variant);
  auto* bins = arena.output_of<uint32_t>(c.n);
  auto* mixed = arena.output_of<uint32_t>(c.n + kListRoom);
  size_t found = 77;
  table.deal_keys({arena.input_of<uint32_t>(c.keys), c.n, shift, low, top, zero_shift, zeros,
                   (c.n + kRowParts - 1) / kRowParts, counts, bins, mixed, &found});
  Bytes out = bytes_of(counts, count);
  append(out, bytes_of(bins, c.n));
  append(out, bytes_of(&found, 1));
  append(out, bytes_of(mixed, found));
  return out;
}

// Bins of up to three keys in each part.
inline Bytes run_bin_ends(const KernelTable& table, const Call& c, Arena& arena) {
  auto* counts = arena.output_of<uint32_t>(kRowParts * c.n);
  size_t keys = 0;
  for (size_t i = 0; i < kRowParts * c.n; ++i) {
    counts[i] = static_cast<uint32_t>(i * 7 + i / 5 + c.variant) % 4;
    keys += counts[i];
  }
  auto* thresholds = arena.output_of<uint32_t>(keys + 1);
  for (size_t i = 0; i <= keys; ++i) thresholds[i] = static_cast<uint32_t>(i * 0x12345);
  auto* starts = arena.output_of<uint32_t>(c.n + 1);
  auto* ends = arena.output_of<uint32_t>(c.n);
  table.bin_ends({counts, c.n, thresholds, starts, ends});
  Bytes out = bytes_of(starts, c.n + 1);
  append(out, bytes_of(ends, c.n));
  return out;
}

inline Bytes run_decide_bins(const KernelTable& table, const Call& c, Arena& arena) {
  auto* mask = arena.output_of<uint64_t>(mask_words(c.n));
  auto* undecided = arena.output_of<uint32_t>(c.n);
  size_t found = 0;
  table.decide_bins({arena.input_of<uint32_t>(c.bins), arena.input_of<uint32_t>(c.floats), c.n,
                     arena.input_of<uint32_t>(c.ends), mask, undecided, &found});
  Bytes out = bytes_of(mask, mask_words(c.n));
  append(out, bytes_of(&found, 1));
  append(out, bytes_of(undecided, found));
  return out;
}

// What the kernel leaves is done by the plain rounds.
inline Bytes run_stripes(const KernelTable& table, const Call& c, Arena& arena) {
  const size_t count = c.variant, stripes = c.n * kWidth[c.codec] / 32;
  std::vector<const uint8_t*> from;
  for (size_t i = 0; i < count; ++i) from.push_back(arena.input(c.stored[i]));
  std::vector<uint64_t> lanes(4 * count);
  for (size_t i = 0; i < lanes.size(); ++i) lanes[i] = i * 0x123456789ABCDEFu;
  size_t taken = 77;
  table.stripes({from.data(), count, stripes, lanes.data(), &taken});
  for (size_t i = 4 * taken; i < lanes.size(); ++i) {
    for (size_t k = 0; k < stripes; ++k) {
      lanes[i] = round(lanes[i], little_endian(from[i / 4] + 32 * k + 8 * (i % 4), 8));
    }
  }
  return bytes_of(lanes.data(), lanes.size());
}

// One NaN for all: nothing depends on which.
inline Bytes numbers_of(const double* values, size_t n) {
  std::vector<double> out(values, values + n);
  for (double& each : out) {
    if (each != each) each = std::numeric_limits<double>::quiet_NaN();
  }
  return bytes_of(out.data(), n);
}

inline Bytes run_row_exponentials(const KernelTable& table, const Call& c, Arena& arena) {
  if (c.n == 0) return {};
  const auto* floats = arena.input_of<float>(c.floats);
  auto* row = arena.output_of<double>(c.n);
  for (size_t i = 0; i < c.n; ++i) row[i] = static_cast<double>(floats[i]);
  table.row_exponentials({row, c.n});
  return numbers_of(row, c.n);
}

inline Bytes run_divergence_terms(const KernelTable& table, const Call& c, Arena& arena) {
  const auto* floats = arena.input_of<float>(c.floats);
  auto* p = arena.output_of<double>(c.n);
  auto* q = arena.output_of<double>(c.n);
  for (size_t i = 0; i < c.n; ++i) {
    p[i] = std::fabs(static_cast<double>(floats[i]));
    q[i] = std::fabs(static_cast<double>(floats[c.n - 1 - i]));
  }
  table.divergence_terms({p, q, 3.5, 2.25, 1e-8, c.n});
  return numbers_of(p, c.n);
}

inline Bytes run_importance_keys(const KernelTable& table, const Call& c, Arena& arena) {
  constexpr float divergences[] = {0.0f, 1.5f, -2e-7f};
  auto* keys = arena.output_of<uint32_t>(c.n);
  table.importance_keys({arena.input_of<float>(c.floats), arena.input_of<float>(c.keys),
                         divergences[c.variant % 3], keys, c.n});
  return bytes_of(keys, c.n);
}

inline Bytes run_decode(const KernelTable& table, const Call& c, Arena& arena) {
  const uint8_t* in = arena.input(c.stored[c.variant % kInputs]);
  auto* out = arena.output_of<float>(c.n);
  table.decode[c.codec]({in, out, c.n});
  return bytes_of(out, c.n);
}

inline Bytes run_encode(const KernelTable& table, const Call& c, Arena& arena) {
  const auto* in = arena.input_of<float>(c.floats);
  uint8_t* out = arena.output(c.n * kWidth[c.codec]);
  table.encode[c.codec]({in, out, c.n});
  return bytes_of(out, c.n * kWidth[c.codec]);
}

}  // namespace weightloom_test
