// Where a kernel runs. Kernels are written once: nvcc makes them for a GPU, and the host's compiler
// makes the same for tests, where a launch is a loop over the blocks of its grid.
//
//   together(body)   body(thread) for every thread of the block, and a barrier after it; what has
//                    to outlive the barrier lies in SHARED memory
//   barrier()        where a whole block walks, which on the host is one thread
//   add_to(sum, x)   adds to a counter that others add to as well
//
// On the host a block that walks (kernels/walk.h) has one thread, which is no difference: what a
// walk does with an element does not depend on who does it. The threads of a block run one after
// another there, in an order that the test chooses: where a barrier is missing some order differs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../simd/anywhere.h"

#if defined(__CUDACC__)

#define SHARED __shared__

namespace {

ANYWHERE inline uint32_t grid_block() { return blockIdx.x; }
ANYWHERE inline uint32_t grid_blocks() { return gridDim.x; }
ANYWHERE inline uint32_t walking_thread() { return threadIdx.x; }
ANYWHERE inline uint32_t walking_threads() { return blockDim.x; }

template <class Body>
ANYWHERE inline void together(Body body) {
  body(threadIdx.x);
  __syncthreads();
}

ANYWHERE inline void barrier() { __syncthreads(); }

ANYWHERE inline void add_to(uint64_t* sum, uint64_t x) {
  atomicAdd(reinterpret_cast<unsigned long long*>(sum), static_cast<unsigned long long>(x));
}
ANYWHERE inline void add_to(uint32_t* sum, uint32_t x) { atomicAdd(sum, x); }

}  // namespace

#else

#define SHARED

namespace {

// The i-th thread to run is (first + i * step) % threads.
struct Grid {
  uint32_t block, blocks, threads, first, step;
};
thread_local Grid grid;

inline uint32_t grid_block() { return grid.block; }
inline uint32_t grid_blocks() { return grid.blocks; }
inline uint32_t walking_thread() { return 0; }
inline uint32_t walking_threads() { return 1; }

template <class Body>
inline void together(Body body) {
  for (uint32_t i = 0; i < grid.threads; ++i) body((grid.first + i * grid.step) % grid.threads);
}

inline void barrier() {}

inline void add_to(uint64_t* sum, uint64_t x) { __atomic_fetch_add(sum, x, __ATOMIC_RELAXED); }
inline void add_to(uint32_t* sum, uint32_t x) { __atomic_fetch_add(sum, x, __ATOMIC_RELAXED); }

}  // namespace

#endif
