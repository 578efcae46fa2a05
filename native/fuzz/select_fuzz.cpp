// Selection keeps what a stable sort does, for any keys, sample, blocks and number to keep.
#include "../test/plain_select.h"
#include "input.h"

using namespace weightloom_test;
using weightloom_fuzz::Input;
using weightloom_fuzz::insist;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const auto coarse = static_cast<uint32_t>(input.below(32));
  const size_t block = 1 + static_cast<size_t>(input.below(64));
  const uint64_t wanted = input.below(1000);
  Keys sample = input.many<uint32_t>(static_cast<size_t>(input.below(40)));
  Keys keys = input.many<uint32_t>(1 + static_cast<size_t>(input.below(400)));
  // Without low bits many keys are equal.
  for (Keys* each : {&sample, &keys}) {
    for (uint32_t& key : *each) key = key >> coarse << coarse;
  }
  // Fewer are no sample.
  const Keys once = sample;
  while (!once.empty() && sample.size() < 1024) {
    sample.insert(sample.end(), once.begin(), once.end());
  }
  const uint64_t keep = 1 + wanted % keys.size();
  insist(selected(keys, keep, block, sample) == sorted(keys, keep), "others are kept");
  return 0;
}
