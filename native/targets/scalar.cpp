#include "../simd/scalar.h"
#include "instantiate.h"

namespace {
using Target = Scalar;
static_assert(Vector<Target> && Target::lanes == 1);
}  // namespace

namespace weightloom {
extern const KernelTable scalar_table;
const KernelTable scalar_table = {
    .name = "scalar",
#include "../kernels/table.def"
};
}  // namespace weightloom
