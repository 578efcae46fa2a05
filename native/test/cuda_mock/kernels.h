// The kernels as functions of the host, by the names that they have in the image.
#pragma once

#include <cstddef>
#include <string>

namespace weightloom::cuda {

struct HostKernel {
  void (*run)(const void* argument);  // one block of a grid
  size_t size;                        // of the argument
};

// Null when there is none of this name.
const HostKernel* find_host_kernel(const std::string& name);
// WEIGHTLOOM_MOCK_ORDER: "backwards" or "shuffled" is how the threads of a block take turns.
void run_grid(const HostKernel& kernel, unsigned blocks, unsigned threads, const void* argument);

}  // namespace weightloom::cuda
