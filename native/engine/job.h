// A job runs the steps of one plan: opens the files, deals blocks to the threads that come to
// work, walks every step through its phases, and ends whole, failed or cancelled.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "block.h"
#include "operations/operation.h"

namespace weightloom {

// Runs steps elsewhere than on the kernels of the CPU. Steps that it does not make are run there.
class Accelerator {
 public:
  Accelerator() = default;
  virtual ~Accelerator() = default;
  Accelerator(const Accelerator&) = delete;
  Accelerator& operator=(const Accelerator&) = delete;
  // Called by each thread before its first step: the first call may take seconds, others wait for
  // it. What it returns is destroyed on the same thread when that has left the job. Throws when it
  // cannot work.
  virtual std::shared_ptr<void> prepare() { return nullptr; }
  // Null for a step that it leaves to the CPU.
  virtual std::unique_ptr<RunningStep> make(StepIo& io) = 0;
};

struct JobOptions {
  const KernelTable* kernels;
  bool map_inputs;
  bool sync_outputs;
  size_t threads;  // that will come to work
  std::shared_ptr<Accelerator> accelerator = nullptr;
  uint64_t spare_memory = 0;  // bytes, for what steps would otherwise make again
};

struct StepResult {
  uint64_t digest;
  Nonfinite nonfinite;
};

class Job {
 public:
  // `places` holds one entry for each source, then each output: a path, or the memory itself.
  struct Place {
    std::string path;
    uint8_t* memory = nullptr;
  };
  Job(WireJob wire, const std::vector<Place>& places, JobOptions options);
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // Takes part until nothing is left to do. Any number of threads may call it, once each.
  void work();
  void cancel();
  // Ends the job after all threads have left work().
  void finish();

  // Outputs that are whole so far, in the order in which they came to be: every step done, synced
  // if that was asked for, and closed. The results are those of all steps; only the steps of these
  // outputs have theirs yet. Empty unless there are more than `known`.
  struct Whole {
    std::vector<uint32_t> outputs;
    std::vector<StepResult> results;
  };
  Whole whole(size_t known);

  uint64_t bytes_done() const { return state_.bytes_done.load(std::memory_order_relaxed); }
  uint64_t steps_done() const { return steps_done_.load(std::memory_order_relaxed); }
  const std::vector<StepResult>& results() const { return results_; }
  // Steps that the accelerator made.
  uint64_t steps_accelerated() const { return steps_accelerated_; }
  bool failed() const { return failed_; }
  const JobError& error() const { return error_; }
  uint64_t failed_step() const { return failed_step_; }

 private:
  struct Active;
  struct Claim;

  void open_files(const std::vector<Place>& places);
  Claim claim();
  std::unique_ptr<RunningStep> make_running(StepIo& io);
  bool activate_next();
  void run_claim(const Claim& claimed, Scratch& scratch);
  void end_claim(const Claim& claimed, Scratch& scratch, std::unique_lock<std::mutex>& lock);
  void retire(Active& active);
  void close_outputs(std::unique_lock<std::mutex>& lock);
  void forget_inputs();
  void fail(uint64_t step, JobError error);
  bool stopped() const { return cancelled_.load(std::memory_order_relaxed) || failed_; }

  WireJob wire_;
  JobOptions options_;
  std::vector<StepResult> results_;
  std::vector<uint32_t> complete_;  // outputs whose steps are done, to be closed
  std::vector<uint32_t> whole_;
  JobState state_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Active>> active_;
  size_t next_step_ = 0;
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> failed_{false};
  JobError error_;
  uint64_t failed_step_ = 0;
  std::atomic<uint64_t> steps_done_{0};
  std::atomic<uint64_t> forgotten_{0};  // pieces of the inputs
  uint64_t steps_accelerated_ = 0;
  bool refused_ = false;  // by a gate, since when a worker may wait for one to leave
};

}  // namespace weightloom
