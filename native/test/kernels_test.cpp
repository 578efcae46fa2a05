// Every kernel of table.def, on every target of this machine, gives the bits of the scalar target:
// all codecs, lengths around every vector width, inputs and outputs at byte offsets 0 to 3 against
// a guard page, NaN, infinities, denormals and -0 among the values.
#include <string>

#include "../targets/dispatch.h"
#include "check.h"
#include "kernel_calls.h"

using namespace weightloom_test;

namespace {

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
