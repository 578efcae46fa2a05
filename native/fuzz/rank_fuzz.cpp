// RowRanker decides as ranks by a stable sort do, for any keys, words, thresholds and part of a
// row.
#include "../engine/rank.h"

#include "../targets/dispatch.h"
#include "../test/plain_rank.h"
#include "input.h"

using namespace weightloom_test;
using weightloom_fuzz::Input;
using weightloom_fuzz::insist;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static weightloom::RowRanker ranker;
  Input input(data, size);
  const auto coarse = static_cast<uint32_t>(input.below(31));
  const size_t n = 1 + static_cast<size_t>(input.below(700));
  const size_t from = static_cast<size_t>(input.below(n));
  const size_t to = from + static_cast<size_t>(input.below(n - from + 1));
  const size_t bit = static_cast<size_t>(input.below(130));
  auto keys = input.many<uint32_t>(n);
  for (uint32_t& key : keys) key = (key & 0x7FFFFFFFu) >> coarse << coarse;
  auto thresholds = input.many<uint32_t>(n);
  std::sort(thresholds.begin(), thresholds.end());
  thresholds.push_back(thresholds.back());
  const auto words = input.many<uint32_t>(to - from);
  const auto ranks = ranks_of(keys);
  std::vector<uint64_t> mask((bit + words.size()) / 64 + 1), want(mask.size());
  for (size_t i = 0; i < words.size(); ++i) {
    const uint64_t stays = words[i] < thresholds[ranks[from + i]] ? 1 : 0;
    want[(bit + i) / 64] |= stays << ((bit + i) % 64);
  }
  const auto& targets = weightloom::runnable_targets();
  const weightloom::KernelTable& kernels = *targets[size % targets.size()];
  ranker.decide(kernels, keys.data(), n, from, to, words.data(), thresholds, mask.data(), bit);
  insist(mask == want, "others stay");
  return 0;
}
