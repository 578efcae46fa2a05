#include "../simd/neon.h"
#include "instantiate.h"

namespace {
using Target = Neon;
static_assert(Vector<Target> && Target::lanes == 4);
}  // namespace

namespace weightloom {
extern const KernelTable neon_table;
const KernelTable neon_table = {
    .name = "neon",
#include "../kernels/table.def"
};
}  // namespace weightloom
