// A step whose tensor is an input of another step and never written: its blocks are made when they
// are asked for, once its passes over whole tensors are done. So a chain of merges is one sweep.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "operations/operation.h"

namespace weightloom {

class Nested {
 public:
  // `others`: the nested steps that come before it, of which its own inputs are.
  Nested(const WireStep& step, JobState& state, const NestedSteps& others);

  RunningStep& running() { return *running_; }
  const StepIo& io() const { return io_; }
  // The stored elements of the range, in scratch of their own, which keeps the last block made.
  const uint8_t* produce(const Range& range, Scratch& scratch);

 private:
  const uint8_t* make(uint64_t block, Scratch& scratch);

  StepIo io_;
  std::unique_ptr<RunningStep> running_;
  uint64_t number_;
};

// The nested steps that `step` needs, by position; those that others need come first.
NestedSteps nested_of(const WireStep& step, const WireJob& job, JobState& state);

}  // namespace weightloom
