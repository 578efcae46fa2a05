// RowRanker decides as ranks by a stable sort do, for any part of a row.
#include "../engine/rank.h"

#include <algorithm>

#include "../targets/dispatch.h"
#include "check.h"
#include "plain_rank.h"
#include "random_words.h"

using namespace weightloom;
using namespace weightloom_test;

namespace {

// kind: 0 any number, 1 few different, 2 all equal, 3 denormals, 4 everything awkward, 5 zeros, 6
// many different in one bin, 7 two groups far from each other, 8 zeros for the most part
std::vector<uint32_t> make_keys(size_t n, int kind, RandomWords& random) {
  std::vector<uint32_t> keys(n);
  for (uint32_t& key : keys) {
    switch (kind) {
      case 0:
        key = bits_of(random.number());
        break;
      case 1:
        key = bits_of(static_cast<float>(random.below(40)) / 64.0f);
        break;
      case 2:
        key = 0x3C000000u;
        break;
      case 3:
        key = static_cast<uint32_t>(random.below(2000));
        break;
      case 4:
        key = awkward_bits(random);
        break;
      case 6:
        key = 0x3C000000u + static_cast<uint32_t>(random.below(4096));
        break;
      case 7:
        key = static_cast<uint32_t>(random.below(2) == 0 ? 0x20000000 : 0x3C000000);
        key += static_cast<uint32_t>(random.below(1 << 24));
        break;
      case 8:
        key = random.below(8) == 0 ? bits_of(static_cast<float>(random.below(9)) / 64.0f) : 0;
        break;
      default:
        key = 0;
        break;
    }
    key &= 0x7FFFFFFFu;
    if (key > 0x7F800000u) key = 0x7FFFFFFFu;
  }
  return keys;
}

// Thresholds that do not fall, the last one twice: from low to high, or all the same.
std::vector<uint32_t> make_thresholds(size_t n, RandomWords& random) {
  const uint64_t low = random.word(), high = low + random.below((uint64_t{1} << 32) - low);
  std::vector<uint32_t> out(n);
  for (size_t i = 0; i < n; ++i) {
    out[i] = static_cast<uint32_t>(n == 1 ? low : low + (high - low) * i / (n - 1));
  }
  out.push_back(out.back());
  return out;
}

void check_row(const KernelTable& kernels, RowRanker& ranker, size_t n, int kind,
               RandomWords& random) {
  const auto keys = make_keys(n, kind, random);
  const auto thresholds = make_thresholds(n, random);
  const auto ranks = ranks_of(keys);
  const size_t from = static_cast<size_t>(random.below(n));
  const size_t to = from + static_cast<size_t>(random.below(n - from + 1));
  const size_t bit = static_cast<size_t>(random.below(130));
  std::vector<uint32_t> words(to - from);
  for (size_t i = 0; i < words.size(); ++i) {
    // Some words equal a threshold nearby, so that every comparison is strict.
    const size_t near = std::min<size_t>(n - 1, ranks[from + i] + random.below(3));
    words[i] = random.below(2) == 0 ? random.word() : thresholds[near];
  }
  std::vector<uint64_t> mask((bit + words.size()) / 64 + 1), want(mask.size());
  for (size_t i = 0; i < words.size(); ++i) {
    const uint64_t stays = words[i] < thresholds[ranks[from + i]] ? 1 : 0;
    want[(bit + i) / 64] |= stays << ((bit + i) % 64);
  }
  ranker.decide(kernels, keys.data(), n, from, to, words.data(), thresholds, mask.data(), bit);
  CHECK_THAT(mask == want, "n %zu, kind %d, from %zu to %zu, bit %zu", n, kind, from, to, bit);
}

}  // namespace

int main() {
  for (const KernelTable* table : runnable_targets()) {
    RandomWords random(71);
    RowRanker ranker;
    for (int kind = 0; kind < 9; ++kind) {
      for (size_t n = 1; n < 1200; n += 1 + n / 50) check_row(*table, ranker, n, kind, random);
      for (const size_t n : {8191, 8192, 8193, 20'000}) {
        check_row(*table, ranker, n, kind, random);
      }
    }
  }
  return check_result();
}
