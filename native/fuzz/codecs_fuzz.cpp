// Stored elements decode and encode to themselves, NaN becoming quiet; numbers round to an element
// that is no farther than its neighbours; on every target alike.
#include <cmath>

#include "../targets/dispatch.h"
#include "../test/stored_values.h"
#include "input.h"

using namespace weightloom;
using namespace weightloom_test;
using weightloom_fuzz::Input;
using weightloom_fuzz::insist;

namespace {

std::vector<float> decode(const KernelTable& table, int codec, const Bytes& stored) {
  std::vector<float> out(stored.size() / kWidth[codec]);
  table.decode[codec]({stored.data(), out.data(), out.size()});
  return out;
}

Bytes encode(const KernelTable& table, int codec, const std::vector<float>& numbers) {
  Bytes out(numbers.size() * kWidth[codec]);
  table.encode[codec]({numbers.data(), out.data(), numbers.size()});
  return out;
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * 4) == 0);
}

// What comes back after decoding is what was stored, unless that was a NaN.
void check_round_trip(const KernelTable& table, int codec, const Bytes& stored) {
  const auto numbers = decode(table, codec, stored);
  const Bytes back = encode(table, codec, numbers);
  const size_t width = kWidth[codec];
  for (size_t i = 0; i < numbers.size(); ++i) {
    const bool equal = std::memcmp(&back[i * width], &stored[i * width], width) == 0;
    insist(equal || std::isnan(numbers[i]), "an element does not come back");
  }
  insist(encode(table, codec, decode(table, codec, back)) == back, "a NaN changes twice");
}

// One step up or down from the rounded number is not nearer.
void check_nearest(const KernelTable& table, int codec, const std::vector<float>& numbers) {
  const size_t width = kWidth[codec];
  const Bytes rounded = encode(table, codec, numbers);
  const auto values = decode(table, codec, rounded);
  for (const int step : {-1, 1}) {
    Bytes beside = rounded;
    for (size_t i = 0; i < numbers.size(); ++i) {
      uint32_t pattern = 0;
      std::memcpy(&pattern, &rounded[i * width], width);
      pattern += static_cast<uint32_t>(step);
      std::memcpy(&beside[i * width], &pattern, width);
    }
    const auto others = decode(table, codec, beside);
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (!std::isfinite(numbers[i]) || !std::isfinite(values[i]) || !std::isfinite(others[i])) {
        continue;
      }
      const double want = static_cast<double>(numbers[i]);
      insist(std::abs(want - static_cast<double>(values[i])) <=
                 std::abs(want - static_cast<double>(others[i])),
             "a neighbour is nearer");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const int codec = static_cast<int>(input.below(kAllCodecs));
  const size_t n = static_cast<size_t>(input.below(70));
  const Bytes stored = input.many<uint8_t>(n * kWidth[codec]);
  const auto numbers = input.many<float>(n);
  const auto decoded = decode(scalar_table, codec, stored);
  const Bytes encoded = encode(scalar_table, codec, numbers);
  for (const KernelTable* table : runnable_targets()) {
    insist(same(decode(*table, codec, stored), decoded), "a target decodes otherwise");
    insist(encode(*table, codec, numbers) == encoded, "a target encodes otherwise");
    check_round_trip(*table, codec, stored);
    check_nearest(*table, codec, numbers);
  }
  return 0;
}
