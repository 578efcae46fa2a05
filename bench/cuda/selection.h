// The thresholds of ties: sweeps over the magnitudes of each model's delta, as
// native/cuda/steps/sweep.cpp starts them, until the engine's Selection of each is done. Which
// sweeps there are depends on the weights alone, so they are found once and then repeated.
#pragma once

#include "passes.h"

namespace weightloom_bench {

// Of one model's keys.
struct Sweep {
  size_t model;
  Selection::Mode mode;
  uint32_t low, high, shift;
};

struct Selected {
  std::vector<std::vector<Sweep>> sweeps;  // that go over the arrays together
  Threshold thresholds[kTuned];
};

// Which half of each delta stays.
Selected select(Arrays& arrays, uint64_t chunk);
Step sweep_step(Arrays& arrays, const std::vector<Sweep>& sweeps);
// Keys of a model's delta, into the room of the chunk or of the host.
void enqueue_keys(Arrays& arrays, size_t model, const Range& range, Room& room);
void keys_on_host(size_t model, const View& host);

}  // namespace weightloom_bench
