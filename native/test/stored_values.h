// Random tensors as stored: tame (ordinary numbers alone), or with everything awkward among them,
// here and there any bits at all, since encoding makes no signalling NaN.
#pragma once

#include <vector>

#include "../targets/table.h"
#include "random_words.h"

namespace weightloom_test {

using Bytes = std::vector<uint8_t>;

constexpr size_t kWidth[weightloom::kAllCodecs] = {4, 2, 2, 1, 1};

inline Bytes random_stored(int codec, size_t n, RandomWords& random, bool tame = false) {
  std::vector<float> numbers(n);
  for (float& number : numbers) {
    number = tame ? random.number() * 0.1f : float_of(awkward_bits(random));
  }
  Bytes out(n * kWidth[codec]);
  weightloom::scalar_table.encode[codec]({numbers.data(), out.data(), n});
  for (size_t i = 0; i < n && !tame; ++i) {
    if (random.below(16) != 0) continue;
    const uint64_t any = random.next();
    std::memcpy(&out[i * kWidth[codec]], &any, kWidth[codec]);
  }
  return out;
}

}  // namespace weightloom_test
