#include "../simd/avx512.h"
#include "instantiate.h"

namespace {
using Target = Avx512;
static_assert(Vector<Target> && Target::lanes == 16);
}  // namespace

namespace weightloom {
extern const KernelTable avx512_table;
const KernelTable avx512_table = {
    .name = "avx512",
#include "../kernels/table.def"
};
}  // namespace weightloom
