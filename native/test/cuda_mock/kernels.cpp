#include "kernels.h"

#include <cstdlib>
#include <map>

#include "../../cuda/kernels.h"

namespace weightloom::cuda {
namespace {

template <class Launch, void (*body)(const Launch&)>
void run(const void* argument) {
  body(*static_cast<const Launch*>(argument));
}

const std::map<std::string, HostKernel>& table() {
  static const std::map<std::string, HostKernel> kernels = {
#define KERNEL(symbol, body, Launch) {symbol, {&run<Launch, body>, sizeof(Launch)}},
#define FUSED(name, Launch)                     \
  KERNEL(#name "_f32", run_##name<F32>, Launch) \
  KERNEL(#name "_f16", run_##name<F16>, Launch) \
  KERNEL(#name "_bf16", run_##name<Bf16>, Launch)
#define PLAIN(name, Launch) KERNEL(#name, run_##name, Launch)
#define CONVERT(name, Launch)                     \
  FUSED(name, Launch)                             \
  KERNEL(#name "_e4m3", run_##name<E4m3>, Launch) \
  KERNEL(#name "_e5m2", run_##name<E5m2>, Launch)
#include "../../cuda/table.def"
  };
  return kernels;
}

}  // namespace

const HostKernel* find_host_kernel(const std::string& name) {
  const auto found = table().find(name);
  return found == table().end() ? nullptr : &found->second;
}

void run_grid(const HostKernel& kernel, unsigned blocks, unsigned threads, const void* argument) {
  const char* const named = std::getenv("WEIGHTLOOM_MOCK_ORDER");
  const std::string order = named == nullptr ? "" : named;
  // An odd step meets every thread, as their number is a power of two.
  const bool backwards = order == "backwards", shuffled = order == "shuffled";
  const uint32_t first = backwards ? threads - 1 : shuffled ? threads / 3 : 0;
  const uint32_t step = backwards ? threads - 1 : shuffled ? 87 : 1;
  for (unsigned i = 0; i < blocks; ++i) {
    grid = {backwards ? blocks - 1 - i : i, blocks, threads, first, step};
    kernel.run(argument);
  }
}

}  // namespace weightloom::cuda
