// XXH64 of any bytes at any alignment is what its specification says.
#include "../engine/hash.h"

#include "../test/plain_xxh64.h"
#include "input.h"

using weightloom_fuzz::Input;
using weightloom_fuzz::insist;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const auto seed = input.take<uint64_t>();
  const size_t shift = static_cast<size_t>(input.below(16));
  const auto bytes = input.many<uint8_t>(input.left());
  std::vector<uint8_t> shifted(shift);
  shifted.insert(shifted.end(), bytes.begin(), bytes.end());
  const uint64_t hash = weightloom::xxh64(shifted.data() + shift, bytes.size(), seed);
  insist(hash == weightloom_test::plain_xxh64(bytes, seed), "another digest");
  return 0;
}
