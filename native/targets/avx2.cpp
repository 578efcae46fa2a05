#include "../simd/avx2.h"
#include "instantiate.h"

namespace {
using Target = Avx2;
static_assert(Vector<Target> && Target::lanes == 8);
}  // namespace

namespace weightloom {
extern const KernelTable avx2_table;
const KernelTable avx2_table = {
    .name = "avx2",
#include "../kernels/table.def"
};
}  // namespace weightloom
