#include "image.h"

#include <algorithm>

namespace weightloom::cuda {
namespace {

#if defined(__APPLE__)
// There is no CUDA.
constexpr char kImageSource[] = "";
const std::vector<Image> kImages;
#else
#include "image.inc"
#endif

}  // namespace

std::vector<Image> images_for(int capability) {
  std::vector<Image> fitting;
  for (const Image& image : kImages) {
    const bool same_major = image.architecture / 10 == capability / 10;
    if (image.architecture > capability || (!image.ptx && !same_major)) continue;
    fitting.push_back(image);
  }
  std::stable_sort(fitting.begin(), fitting.end(), [](const Image& a, const Image& b) {
    return a.ptx != b.ptx ? b.ptx : a.architecture > b.architecture;
  });
  return fitting;
}

const char* image_source() { return kImageSource; }

}  // namespace weightloom::cuda
