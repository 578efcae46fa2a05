// The passes of each method over arrays that lie on a GPU: launched as native/cuda/steps launches
// them, chunk by chunk, and each with the same of the scalar kernels of the CPU to be held against.
// What a merge does between passes or beside them (copies of a chunk to and from the host, counters
// that are cleared) is left out.
#pragma once

#include <functional>
#include <string>

#include "arrays.h"

namespace weightloom_bench {

// One time over all chunks, with a wait at its end.
struct Step {
  std::function<void(const Range&, Room&)> enqueue;
  // Does the same on the host, and says whether the device has the same bits.
  std::function<bool(const Range&, const View& device, const View& host)> check;
};

// Bits count for each element: of every array that a kernel reads or writes, once for each kernel;
// and of inputs and output alone, once for each step.
struct Pass {
  std::string method, name;
  double goal;     // share of a copy's bandwidth; 0: it has none
  uint64_t chunk;  // elements
  uint64_t bits, tensor_bits;
  std::vector<Step> steps;
};

Pass linear_pass(Arrays& arrays);
std::vector<Pass> slerp_passes(Arrays& arrays);
Pass task_pass(Arrays& arrays);
std::vector<Pass> ties_passes(Arrays& arrays);
std::vector<Pass> dare_passes(Arrays& arrays);

// Elements of a chunk in a merge, as class Chunks has them: with what a step needs of the device
// for each element, beside inputs and output.
uint64_t chunk_elements(uint64_t elements, uint64_t inputs, uint64_t bytes_each);
// More than any chunk of a task has.
uint64_t most_elements(uint64_t elements);
// Calls `body` with every chunk and the room of its stream.
void for_chunks(Arrays& arrays, uint64_t chunk,
                const std::function<void(const Range&, Room&)>& body);

template <class Launch>
void walk(Arrays& arrays, cuda::Handle kernel, Room& room, uint64_t n, const Launch& launch) {
  arrays.device().launch(kernel, arrays.device().walk_blocks(n), room.lane.stream(), launch);
}

cuda::Segments blocks_of(uint64_t n);
// A magnitude from which a bf16 result is not finite.
float limit();
// Whether the results of a chunk and what was counted of them are the same.
bool same_output(Arrays& arrays, const View& device, const View& host);
template <class T>
bool same(Arrays& arrays, const T* device, const T* host, uint64_t count) {
  return std::equal(host, host + count, arrays.fetch(device, count).begin());
}

}  // namespace weightloom_bench
