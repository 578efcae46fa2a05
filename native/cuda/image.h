// The kernels as the driver takes them: one image for each family of GPUs, and PTX, which the
// driver compiles itself, for the others and for drivers that cannot read the first ones.
// scripts/cuda-image.mjs writes image.inc from kernels.cu and what that includes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weightloom::cuda {

struct Image {
  int architecture;  // such as 90; of PTX the least
  bool ptx;
  const uint64_t* words;
  size_t bytes;
};

// Those that fit a GPU of this compute capability (major * 10 + minor), best first: code of the
// same major and no higher minor version, then PTX.
std::vector<Image> images_for(int capability);

// The hash of what the images were made from.
const char* image_source();

}  // namespace weightloom::cuda
