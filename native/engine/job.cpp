#include "job.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "../simd/float_mode.h"
#include "nested.h"

namespace weightloom {
namespace {

JobError from_file_error(const FileError& error) {
  const std::string reason = error.error_number == 0 ? "" : std::strerror(error.error_number);
  if (error.operation == "size") {
    return {"INPUT_CHANGED", error.path + " changed while it was being merged"};
  }
  const bool writing =
      error.operation == "write" || error.operation == "sync" || error.operation == "close";
  const char* code = error.is_full() ? "NO_SPACE" : writing ? "WRITE_FAILED" : "FILE_UNREADABLE";
  return {code, error.path + ": " + error.operation + ": " + reason};
}

constexpr uint64_t kForgotten = uint64_t{16} << 20;

// Runs `body` and turns whatever it throws into a JobError; true when it threw nothing.
template <class Body>
bool caught(JobError& error, Body body) {
  try {
    body();
    return true;
  } catch (const JobError& thrown) {
    error = thrown;
  } catch (const FileError& thrown) {
    error = from_file_error(thrown);
  } catch (const std::bad_alloc&) {
    error = {"MEMORY_BUDGET", "out of memory"};
  } catch (const std::exception& thrown) {
    error = {"INTERNAL", thrown.what()};
  }
  return false;
}

// The same for a part of a step. An input that was cut short explains every other error.
template <class Body>
bool caught_in(const StepIo& io, JobError& error, Body body) {
  const bool fine = caught(error, body);
  return caught(error, [&] { io.check_inputs(); }) && fine;
}

}  // namespace

// Consecutive blocks for one worker.
struct Job::Claim {
  Active* active;
  uint64_t first, count;
};

// A step that runs: first the nested steps that it needs, up to what they make on demand.
struct Job::Active {
  Active(size_t index, Job& job)
      : index(index),
        nested(nested_of(job.wire_.steps[index], job.wire_, job.state_)),
        io(job.wire_.steps[index], job.state_, nested, false),
        running(job.make_running(io)),
        preparing(nested.begin()) {
    begin_phase();
  }

  RunningStep& current() {
    return preparing == nested.end() ? *running : preparing->second->running();
  }

  void begin_phase() {
    while (preparing != nested.end() && current().ready()) ++preparing;
    blocks = io.block_count() == 0 ? 0 : current().blocks();
    next = done = 0;
    if (blocks > 1) backwards = !backwards;
  }

  bool enter() {
    if (next == blocks) return false;
    Gate* const gate = current().gate;
    return gate == nullptr || gate->enter();
  }

  void leave() {
    if (Gate* const gate = current().gate) gate->leave();
  }

  // Phases over all blocks go up and down in turn, so that what one has read last, which may still
  // lie in a cache, is what the next reads first.
  Claim claim(size_t threads) {
    const uint64_t fair = std::max<uint64_t>(blocks / (4 * threads), 1);
    const uint64_t count = std::min({fair, kRunBlocks, blocks - next});
    const uint64_t first = backwards ? blocks - next - count : next;
    next += count;
    return {this, first, count};
  }

  size_t index;
  NestedSteps nested;
  StepIo io;
  std::unique_ptr<RunningStep> running;
  NestedSteps::iterator preparing;
  uint64_t blocks;
  bool backwards = true;
  uint64_t next = 0;
  uint64_t done = 0;
};

Job::Job(WireJob wire, const std::vector<Place>& places, JobOptions options)
    : wire_(std::move(wire)), options_(std::move(options)), results_(wire_.steps.size()) {
  state_.kernels = options_.kernels;
  state_.spare_memory = static_cast<int64_t>(options_.spare_memory);
  JobError error;
  if (!caught(error, [&] { open_files(places); })) throw error;
}

Job::~Job() = default;

void Job::open_files(const std::vector<Place>& places) {
  size_t at = 0;
  for (const WireFile& file : wire_.sources) {
    Source source;
    const Place& place = places[at++];
    if (file.memory) {
      source.memory = place.memory;
    } else {
      source.file = std::make_unique<InputFile>(place.path, file.size, options_.map_inputs);
    }
    state_.sources.push_back(std::move(source));
  }
  for (const WireFile& file : wire_.outputs) {
    Output output;
    const Place& place = places[at++];
    if (file.memory) {
      output.memory = place.memory;
    } else if (!file.nowhere) {
      output.file = std::make_unique<OutputFile>(place.path);
    }
    state_.outputs.push_back(std::move(output));
  }
  for (const WireStep& step : wire_.steps) {
    if (step.operation != Operation::census) ++state_.outputs[step.output].steps_left;
  }
  for (uint32_t i = 0; i < state_.outputs.size(); ++i) {
    if (state_.outputs[i].steps_left == 0) complete_.push_back(i);
  }
}

void Job::work() {
  const FloatMode mode;
  Scratch scratch;
  std::shared_ptr<void> prepared;
  JobError error;
  const bool fine = caught(error, [&] {
    if (options_.accelerator != nullptr) prepared = options_.accelerator->prepare();
  });
  std::unique_lock lock(mutex_);
  if (!fine) fail(wire_.steps.size(), error);
  while (!stopped()) {
    const Claim claimed = claim();
    if (claimed.active == nullptr) {
      if (active_.empty()) break;
      changed_.wait(lock);
      continue;
    }
    lock.unlock();
    run_claim(claimed, scratch);
    lock.lock();
    claimed.active->leave();
    if (std::exchange(refused_, false)) changed_.notify_all();
    if (!stopped()) end_claim(claimed, scratch, lock);
    close_outputs(lock);
  }
  changed_.notify_all();
  lock.unlock();
  forget_inputs();
}

// Threads that leave share what unmapping costs, a tenth of a merge's time where one does it alone.
void Job::forget_inputs() {
  uint64_t piece = 0, wanted = forgotten_++;
  for (const Source& source : state_.sources) {
    const uint64_t size = source.file == nullptr ? 0 : source.file->size();
    for (uint64_t at = 0; at < size; at += kForgotten, ++piece) {
      if (piece != wanted) continue;
      source.file->forget(at, std::min(kForgotten, size - at));
      wanted = forgotten_++;
    }
  }
}

// Called with the lock held.
Job::Claim Job::claim() {
  for (;;) {
    for (const auto& active : active_) {
      if (active->enter()) return active->claim(options_.threads);
      refused_ = refused_ || active->next < active->blocks;
    }
    if (active_.size() > options_.threads || !activate_next()) return {};
  }
}

std::unique_ptr<RunningStep> Job::make_running(StepIo& io) {
  auto running = options_.accelerator == nullptr ? nullptr : options_.accelerator->make(io);
  if (running == nullptr) return make_operation(io);
  ++steps_accelerated_;
  return running;
}

// Steps after a census need what it finds, those before it what an earlier one has found.
bool Job::activate_next() {
  if (next_step_ == wire_.steps.size()) return false;
  const auto is_census = [](const WireStep& step) { return step.operation == Operation::census; };
  if (!active_.empty() && is_census(wire_.steps[next_step_])) return false;
  for (const auto& active : active_) {
    if (is_census(active->io.step())) return false;
  }
  const size_t index = next_step_++;
  JobError error;
  if (!caught(error, [&] { active_.push_back(std::make_unique<Active>(index, *this)); })) {
    fail(index, error);
    return false;
  }
  if (active_.back()->blocks == 0) retire(*active_.back());
  return true;
}

void Job::run_claim(const Claim& claimed, Scratch& scratch) {
  Active& active = *claimed.active;
  JobError error;
  const bool fine = caught_in(active.io, error, [&] {
    active.io.begin_run(claimed.first, scratch);
    for (uint64_t i = 0; i < claimed.count && !stopped(); ++i) {
      active.current().run_block(claimed.first + i, scratch);
    }
    active.io.end_run(scratch);
  });
  if (fine) return;
  const std::lock_guard lock(mutex_);
  fail(active.index, error);
}

// The last block of a phase leads to the next phase or ends the step.
void Job::end_claim(const Claim& claimed, Scratch& scratch, std::unique_lock<std::mutex>& lock) {
  Active& active = *claimed.active;
  active.done += claimed.count;
  if (active.done < active.blocks) return;
  lock.unlock();
  bool more = false;
  JobError error;
  const bool fine = caught_in(active.io, error, [&] { more = active.current().advance(scratch); });
  lock.lock();
  if (!fine) return fail(active.index, error);
  if (more) {
    active.begin_phase();
  } else {
    retire(active);
  }
  changed_.notify_all();
}

void Job::retire(Active& active) {
  results_[active.index] = {active.io.digest(), active.io.nonfinite()};
  steps_done_.fetch_add(1, std::memory_order_relaxed);
  const WireStep& step = wire_.steps[active.index];
  const bool last =
      step.operation != Operation::census && --state_.outputs[step.output].steps_left == 0;
  if (last) complete_.push_back(step.output);
  std::erase_if(active_, [&](const auto& each) { return each.get() == &active; });
}

// Syncs and closes outputs whose last step was retired, while other threads go on with the rest.
void Job::close_outputs(std::unique_lock<std::mutex>& lock) {
  while (!stopped() && !complete_.empty()) {
    const uint32_t index = complete_.back();
    complete_.pop_back();
    OutputFile* const file = state_.outputs[index].file.get();
    JobError error;
    bool fine = true;
    if (file != nullptr) {
      lock.unlock();
      fine = caught(error, [&] { file->finish(options_.sync_outputs); });
      lock.lock();
    }
    if (!fine) return fail(wire_.steps.size(), error);
    whole_.push_back(index);
  }
}

Job::Whole Job::whole(size_t known) {
  const std::lock_guard lock(mutex_);
  if (whole_.size() <= known) return {};
  return {whole_, results_};
}

void Job::fail(uint64_t step, JobError error) {
  if (failed_) return;
  failed_ = true;
  state_.stream.stop();
  failed_step_ = step;
  error_ = std::move(error);
  changed_.notify_all();
}

void Job::cancel() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  state_.stream.stop();
  changed_.notify_all();
}

void Job::finish() {
  std::unique_lock lock(mutex_);
  close_outputs(lock);
  active_.clear();
  // Memory of a device is not to wait until whoever holds the job lets go of it.
  options_.accelerator.reset();
  state_.outputs.clear();
  state_.sources.clear();
  if (cancelled_ && !failed_) {
    failed_ = true;
    error_ = {"ABORTED", "the merge was cancelled"};
  }
}

}  // namespace weightloom
