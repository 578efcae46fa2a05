#include "kernels.h"

#include <map>

#include "../../cuda/kernels.h"

namespace weightloom::cuda {
namespace {

template <class Launch, void (*body)(const Launch&)>
void run(const void* arguments) {
  body(*static_cast<const Launch*>(arguments));
}

const std::map<std::string, HostKernel>& table() {
  static const std::map<std::string, HostKernel> kernels = {
#define FUSED(name, Launch)                                                                     \
  {#name "_f32", &run<Launch, run_##name<F32>>}, {#name "_f16", &run<Launch, run_##name<F16>>}, \
      {#name "_bf16", &run<Launch, run_##name<Bf16>>},
#define PLAIN(name, Launch) {#name, &run<Launch, run_##name>},
#define CONVERT(name, Launch)                                                                   \
  {#name "_f32", &run<Launch, run_##name<F32>>}, {#name "_f16", &run<Launch, run_##name<F16>>}, \
      {#name "_bf16", &run<Launch, run_##name<Bf16>>},                                          \
      {#name "_e4m3", &run<Launch, run_##name<E4m3>>},                                          \
      {#name "_e5m2", &run<Launch, run_##name<E5m2>>},
#include "../../cuda/table.def"
  };
  return kernels;
}

}  // namespace

HostKernel find_host_kernel(const std::string& name) {
  const auto found = table().find(name);
  return found == table().end() ? nullptr : found->second;
}

void run_grid(HostKernel kernel, unsigned blocks, unsigned threads, const void* arguments) {
  for (unsigned block = 0; block < blocks; ++block) {
    grid = {block, blocks, threads};
    kernel(arguments);
  }
}

}  // namespace weightloom::cuda
