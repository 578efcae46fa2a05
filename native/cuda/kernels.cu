// The image: every line of table.def as a kernel that the driver can find by name.
#include "kernels.h"

#define KERNEL(symbol, body, Launch)                                       \
  extern "C" __global__ void __launch_bounds__(weightloom::cuda::kThreads) \
      symbol(const __grid_constant__ Launch launch) {                      \
    weightloom::cuda::body(launch);                                        \
  }
#define FUSED(name, Launch)                   \
  KERNEL(name##_f32, run_##name<F32>, Launch) \
  KERNEL(name##_f16, run_##name<F16>, Launch) \
  KERNEL(name##_bf16, run_##name<Bf16>, Launch)
#define PLAIN(name, Launch) KERNEL(name, run_##name, Launch)
#define CONVERT(name, Launch)                   \
  KERNEL(name##_f32, run_##name<F32>, Launch)   \
  KERNEL(name##_f16, run_##name<F16>, Launch)   \
  KERNEL(name##_bf16, run_##name<Bf16>, Launch) \
  KERNEL(name##_e4m3, run_##name<E4m3>, Launch) \
  KERNEL(name##_e5m2, run_##name<E5m2>, Launch)

using namespace weightloom;
using namespace weightloom::cuda;
#include "table.def"
