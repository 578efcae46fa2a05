// Makes a KernelTable from a vector type. Included once by each target after its simd header.
#pragma once

#include "../kernels/choose.h"
#include "../kernels/compare.h"
#include "../kernels/convert.h"
#include "../kernels/delta.h"
#include "../kernels/divergence.h"
#include "../kernels/dot.h"
#include "../kernels/keys.h"
#include "../kernels/linear.h"
#include "../kernels/linear_columns.h"
#include "../kernels/nearswap.h"
#include "../kernels/ram.h"
#include "../kernels/random.h"
#include "../kernels/rank.h"
#include "../kernels/sce.h"
#include "../kernels/stripes.h"
#include "../kernels/task_arithmetic.h"
#include "../kernels/ties.h"
#include "table.h"

#define FUSED(kernel, Args) \
  .kernel = {&kernel<Target, F32>, &kernel<Target, F16>, &kernel<Target, Bf16>},
#define PLAIN(kernel, Args) .kernel = &kernel<Target>,
#define CONVERT(kernel, Args)                                                   \
  .kernel = {&kernel<Target, F32>, &kernel<Target, F16>, &kernel<Target, Bf16>, \
             &kernel<Target, E4m3>, &kernel<Target, E5m2>},
