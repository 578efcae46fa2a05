// The kernels as functions of the host, by the names that they have in the image.
#pragma once

#include <string>

namespace weightloom::cuda {

// Runs one block of a grid; `arguments` is the kernel's one argument.
using HostKernel = void (*)(const void* arguments);

// Null when there is none of this name.
HostKernel find_host_kernel(const std::string& name);
void run_grid(HostKernel kernel, unsigned blocks, unsigned threads, const void* arguments);

}  // namespace weightloom::cuda
