// Stored formats: every pattern decodes to its value and encodes back; binary32 rounds to stored
// formats as a slow search of all their values says; and so on every target.
#include <string>

#include "../targets/dispatch.h"
#include "check.h"
#include "random_words.h"
#include "small_float.h"

using namespace weightloom;
using namespace weightloom_test;

namespace {

// Patterns as stored: one or two bytes each.
std::vector<uint8_t> pack(const SmallFloat& f, const std::vector<uint32_t>& patterns) {
  const size_t width = static_cast<size_t>(f.bits) / 8;
  std::vector<uint8_t> out(patterns.size() * width);
  for (size_t i = 0; i < patterns.size(); ++i) std::memcpy(&out[i * width], &patterns[i], width);
  return out;
}

std::vector<uint32_t> unpack(const SmallFloat& f, const std::vector<uint8_t>& stored) {
  const size_t width = static_cast<size_t>(f.bits) / 8;
  std::vector<uint32_t> out(stored.size() / width);
  for (size_t i = 0; i < out.size(); ++i) std::memcpy(&out[i], &stored[i * width], width);
  return out;
}

std::vector<float> decode(const KernelTable& table, const SmallFloat& f,
                          const std::vector<uint32_t>& patterns) {
  const auto stored = pack(f, patterns);
  std::vector<float> out(patterns.size());
  table.decode[f.codec]({stored.data(), out.data(), out.size()});
  return out;
}

std::vector<uint32_t> encode(const KernelTable& table, const SmallFloat& f,
                             const std::vector<float>& numbers) {
  std::vector<uint8_t> stored(numbers.size() * static_cast<size_t>(f.bits) / 8);
  table.encode[f.codec]({numbers.data(), stored.data(), numbers.size()});
  return unpack(f, stored);
}

bool is_nan_pattern(const SmallFloat& f, uint32_t pattern) {
  const uint32_t magnitude = pattern & (sign_bit(f) - 1);
  return f.infinite ? magnitude > first_nonfinite(f) : magnitude == first_nonfinite(f);
}

// NaN keeps its sign and payload; encoding makes it quiet where the format can tell.
uint32_t quiet(const SmallFloat& f, uint32_t pattern) {
  return f.infinite ? pattern | (1u << (f.mantissa_bits - 1)) : pattern;
}

void check_decoded(const KernelTable& table, const SmallFloat& f, uint32_t pattern, float got) {
  const uint32_t magnitude = pattern & (sign_bit(f) - 1);
  const bool negative = magnitude != pattern;
  bool right;
  if (is_nan_pattern(f, pattern)) {
    right = std::isnan(got) && std::signbit(got) == negative;
  } else if (magnitude == first_nonfinite(f)) {
    right = std::isinf(got) && std::signbit(got) == negative;
  } else {
    const double want = value_of(f, magnitude);
    right = static_cast<double>(got) == (negative ? -want : want) && std::signbit(got) == negative;
  }
  CHECK_THAT(right, "%s on %s: %x decodes to %a", f.name, table.name, pattern,
             static_cast<double>(got));
}

void check_round_trip(const KernelTable& table, const SmallFloat& f) {
  std::vector<uint32_t> patterns(size_t{1} << f.bits);
  for (uint32_t p = 0; p < patterns.size(); ++p) patterns[p] = p;
  const auto numbers = decode(table, f, patterns);
  const auto back = encode(table, f, numbers);
  for (const uint32_t p : patterns) {
    check_decoded(table, f, p, numbers[p]);
    const uint32_t want = is_nan_pattern(f, p) ? quiet(f, p) : p;
    CHECK_THAT(back[p] == want, "%s on %s: %x comes back as %x", f.name, table.name, p, back[p]);
  }
}

// Numbers on, between and just beside the values of a format, of both signs.
std::vector<float> boundaries(const std::vector<double>& values) {
  std::vector<float> out;
  for (size_t i = 0; i < values.size(); ++i) {
    const double middle = i == 0 ? 0 : (values[i - 1] + values[i]) / 2;
    for (const double exact : {values[i], middle}) {
      const auto near = static_cast<float>(exact);
      for (const float x : {near, std::nextafter(near, 0.0f), std::nextafter(near, HUGE_VALF)}) {
        out.push_back(x);
        out.push_back(-x);
      }
    }
  }
  return out;
}

uint32_t encoded_nan(const SmallFloat& f, float x) {
  const uint32_t bits = bits_of(x);
  const uint32_t sign = (bits >> 31) != 0 ? sign_bit(f) : 0;
  const uint32_t payload = (bits & 0x7FFFFFu) >> (23 - f.mantissa_bits);
  return sign | (f.infinite ? quiet(f, first_nonfinite(f) | payload) : first_nonfinite(f));
}

void check_rounding(const KernelTable& table, const SmallFloat& f,
                    const std::vector<double>& values, const std::vector<float>& numbers) {
  const auto got = encode(table, f, numbers);
  for (size_t i = 0; i < numbers.size(); ++i) {
    const float x = numbers[i];
    const uint32_t want = std::isnan(x) ? encoded_nan(f, x) : round_to(f, values, x);
    CHECK_THAT(got[i] == want, "%s on %s: %08x gives %x, not %x", f.name, table.name, bits_of(x),
               got[i], want);
  }
}

std::vector<float> random_numbers(size_t count) {
  RandomWords random(1);
  std::vector<float> out;
  for (const uint32_t bits : kSpecialBits) out.push_back(float_of(bits));
  for (size_t i = 0; i < count; ++i) {
    out.push_back(float_of(random.word()));
    // Within reach of the narrow formats.
    out.push_back(std::ldexp(random.number(), static_cast<int>(random.below(48)) - 28));
  }
  return out;
}

void check_f32(const KernelTable& table, const std::vector<float>& numbers) {
  std::vector<float> out(numbers.size());
  table.encode[0]({numbers.data(), out.data(), out.size()});
  CHECK(std::memcmp(out.data(), numbers.data(), out.size() * 4) == 0);
  table.decode[0]({numbers.data(), out.data(), out.size()});
  CHECK(std::memcmp(out.data(), numbers.data(), out.size() * 4) == 0);
}

}  // namespace

int main() {
  const auto random = random_numbers(200'000);
  for (const KernelTable* table : runnable_targets()) {
    check_f32(*table, random);
    for (const SmallFloat& f : kSmallFloats) {
      const auto values = values_of(f);
      check_round_trip(*table, f);
      check_rounding(*table, f, values, boundaries(values));
      check_rounding(*table, f, values, random);
    }
  }
  return check_result();
}
