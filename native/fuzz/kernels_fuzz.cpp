// Every kernel on every target gives the bits of the scalar one, and stays within its buffers,
// which end at a guard page: lengths, codecs, options, values and masks from the input.
#include "../targets/dispatch.h"
#include "../test/kernel_calls.h"
#include "input.h"

using namespace weightloom_test;
using weightloom_fuzz::Input;
using weightloom_fuzz::insist;

namespace {

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

// The canonical NaN is the one that an f32 tile may hold beside those of inputs; any bits will do.
Call call_from(Input& input) {
  Call call{};
  call.codec = static_cast<int>(input.below(kAllCodecs));
  call.n = static_cast<size_t>(input.below(200));
  call.variant = static_cast<uint32_t>(input.below(kVariants));
  call.floats = input.many<uint8_t>(call.n * 4);
  for (size_t i = 0; i < kInputs; ++i) {
    call.masks.push_back(input.many<uint8_t>(mask_words(call.n) * 8));
    call.stored.push_back(input.many<uint8_t>(call.n * kWidth[call.codec]));
  }
  call.keys = keys_of(call.floats);
  auto bins = input.many<uint32_t>(call.n);
  for (uint32_t& bin : bins) bin %= kBins;
  call.bins = bytes_of(bins.data(), bins.size());
  call.ends = input.many<uint8_t>(size_t{kBins} * 4);
  return call;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Arena arena;
  Input input(data, size);
  const Kernel& kernel = kKernels[input.below(std::size(kKernels))];
  const size_t gap = static_cast<size_t>(input.below(4));
  const Call call = call_from(input);
  if (call.codec >= kernel.codecs) return 0;
  arena.begin(0);
  const Bytes want = kernel.run(scalar_table, call, arena);
  for (const KernelTable* table : runnable_targets()) {
    arena.begin(gap);
    insist(kernel.run(*table, call, arena) == want, kernel.name);
    insist(arena.intact(), "a canary or an input was written");
  }
  return 0;
}
