// An operation runs a step in phases. The blocks of a phase may run in any order on any thread;
// when all are done, `advance` does the scalar work between phases on one thread.
#pragma once

#include <memory>

#include "../block.h"

namespace weightloom {

// Lets in only so many claims at once on the steps that share it, so that a worker which would have
// to wait takes another step instead. Asked with the job's lock held; each claim that was let in
// leaves.
class Gate {
 public:
  virtual bool enter() = 0;
  virtual void leave() = 0;

 protected:
  ~Gate() = default;
};

class RunningStep {
 public:
  explicit RunningStep(StepIo& io) : io_(io) {}
  virtual ~RunningStep() = default;
  RunningStep(const RunningStep&) = delete;
  RunningStep& operator=(const RunningStep&) = delete;

  // Units of work of the current phase; as a rule the blocks of the output.
  virtual uint64_t blocks() const { return io_.block_count(); }
  virtual void run_block(uint64_t block, Scratch& scratch) = 0;
  // True when another phase follows.
  virtual bool advance(Scratch&) { return false; }
  // Whether only the phase is left that makes the output: its blocks may then be run repeatedly.
  virtual bool ready() const { return true; }

  // Null where any number of workers may run its blocks.
  Gate* gate = nullptr;

 protected:
  StepIo& io_;
};

std::unique_ptr<RunningStep> make_census(StepIo& io);
std::unique_ptr<RunningStep> make_compare(StepIo& io);
std::unique_ptr<RunningStep> make_copy(StepIo& io);
std::unique_ptr<RunningStep> make_same(StepIo& io);
std::unique_ptr<RunningStep> make_linear(StepIo& io);
std::unique_ptr<RunningStep> make_span(StepIo& io);
std::unique_ptr<RunningStep> make_task(StepIo& io);
std::unique_ptr<RunningStep> make_nearswap(StepIo& io);
std::unique_ptr<RunningStep> make_ram(StepIo& io);
std::unique_ptr<RunningStep> make_sce(StepIo& io);
std::unique_ptr<RunningStep> make_arcee_fusion(StepIo& io);

std::unique_ptr<RunningStep> make_operation(StepIo& io);

}  // namespace weightloom
