// An operation runs a step in phases. The blocks of a phase may run in any order on any thread;
// when all are done, `advance` does the scalar work between phases on one thread.
#pragma once

#include <memory>

#include "../block.h"

namespace weightloom {

class RunningStep {
 public:
  explicit RunningStep(StepIo& io) : io_(io) {}
  virtual ~RunningStep() = default;
  RunningStep(const RunningStep&) = delete;
  RunningStep& operator=(const RunningStep&) = delete;

  virtual void run_block(const Range& range, Scratch& scratch) = 0;
  // True when another phase follows.
  virtual bool advance(Scratch&) { return false; }

 protected:
  StepIo& io_;
};

std::unique_ptr<RunningStep> make_copy(StepIo& io);
std::unique_ptr<RunningStep> make_same(StepIo& io);
std::unique_ptr<RunningStep> make_linear(StepIo& io);
std::unique_ptr<RunningStep> make_slerp(StepIo& io);
std::unique_ptr<RunningStep> make_task(StepIo& io);

std::unique_ptr<RunningStep> make_operation(StepIo& io);

}  // namespace weightloom
