// The table of kernels that a target offers: one pointer for each line of kernels/table.def and
// each codec it is fused for.
#pragma once

#include "../kernels/args.h"

namespace weightloom {

constexpr int kFusedCodecs = 3;
constexpr int kAllCodecs = 5;
// Words that a kernel may clobber after the last one of a list: the lanes of the widest vector.
constexpr size_t kListRoom = 16;

struct KernelTable {
  const char* name;
#define FUSED(kernel, Args) void (*kernel[kFusedCodecs])(const Args&);
#define PLAIN(kernel, Args) void (*kernel)(const Args&);
#define CONVERT(kernel, Args) void (*kernel[kAllCodecs])(const Args&);
#include "../kernels/table.def"
};

extern const KernelTable scalar_table;
#if defined(__x86_64__) || defined(_M_X64)
extern const KernelTable avx2_table;
extern const KernelTable avx512_table;
#elif defined(__aarch64__) || defined(_M_ARM64)
extern const KernelTable neon_table;
#endif

}  // namespace weightloom
