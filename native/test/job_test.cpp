// Whole jobs in memory: the same bytes and counts on every target with any number of threads, right
// by a plain account where one is short, and a clean end when cancelled at any time.
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <set>
#include <utility>

#include "../targets/dispatch.h"
#include "check.h"
#include "job_steps.h"

using namespace weightloom;
using namespace weightloom_test;

namespace {

void check_targets_and_threads(bool tame) {
  const Layout layout = all_steps(17, tame);
  const RunResult want = run_in_memory(layout, scalar_table, 1);
  for (const KernelTable* table : runnable_targets()) {
    for (const size_t threads : {1, 2, 3, 8}) {
      const RunResult got = run_in_memory(layout, *table, threads);
      CHECK_THAT(got.output == want.output, "%s, %zu threads", table->name, threads);
      for (size_t i = 0; i < want.steps.size(); ++i) {
        CHECK_THAT(same_counts(got.steps[i], want.steps[i]), "%s, %zu threads, step %zu",
                   table->name, threads, i);
      }
    }
  }
}

std::vector<float> floats_at(const Bytes& bytes, uint64_t at, size_t count) {
  std::vector<float> out(count);
  std::memcpy(out.data(), &bytes[at], count * 4);
  return out;
}

// A weighted average of three binary32 tensors, written out.
void check_linear() {
  constexpr size_t count = 70'001;
  Layout layout(19);
  layout.step(Operation::linear, 0, count, {0, 0, 0}, {1, 0.9, 0, 0.5, -0.25, 0.65});
  const WireStep step = layout.job(true).steps[0];
  std::vector<std::vector<float>> x;
  for (const WireInput& in : step.inputs) {
    x.push_back(floats_at(layout.sources[in.source], in.offset, count));
  }
  const RunResult got = run_in_memory(layout, *runnable_targets()[0], 2);
  const auto y = floats_at(got.output, step.offset, count);
  for (size_t i = 0; i < count; ++i) {
    const float want = ((0.5f * x[0][i] + -0.25f * x[1][i]) + 0.65f * x[2][i]) / 0.9f;
    CHECK(std::isnan(want) ? std::isnan(y[i]) : bits_of(y[i]) == bits_of(want));
  }
}

// Trimming keeps the wanted number of deltas: all others leave the base as it was.
void check_trimming() {
  constexpr size_t count = 150'000, keep = 31'337;
  Layout layout(23);
  layout.step(Operation::task, 0, count, {0, 0},
              {0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, double{keep}, 0, 0, 1});
  RandomWords random(29);
  const WireStep step = layout.job(true).steps[0];
  for (const WireInput& in : step.inputs) {
    for (size_t i = 0; i < count; ++i) {
      const float number = 1 + static_cast<float>(random.below(1 << 20)) * 0x1p-20f;
      std::memcpy(&layout.sources[in.source][in.offset + 4 * i], &number, 4);
    }
  }
  const RunResult got = run_in_memory(layout, *runnable_targets()[0], 3);
  const auto base = floats_at(layout.sources[0], step.inputs[0].offset, count);
  const auto y = floats_at(got.output, step.offset, count);
  size_t changed = 0;
  for (size_t i = 0; i < count; ++i) changed += y[i] != base[i] ? 1 : 0;
  CHECK_THAT(changed == keep, "%zu changed, not %zu", changed, keep);
}

void cancel_at(Layout& layout, const Bytes& want, size_t threads, uint64_t microseconds) {
  WireJob wire = read_words(words_of(layout.job(true)));
  Bytes output(want.size(), 0xEE);
  Job job(wire, memory_places(layout.sources, output),
          {runnable_targets()[0], false, false, threads});
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
    job.cancel();
  });
  work_on(job, threads);
  canceller.join();
  job.finish();
  // Cancelled after its last block, a job has made everything and still says ABORTED.
  CHECK(job.failed() && job.error().code == "ABORTED");
  CHECK(job.steps_done() <= wire.steps.size());
  if (job.steps_done() == wire.steps.size()) CHECK(output == want);
}

void check_cancel() {
  Layout layout = all_steps(31, true);
  const auto start = std::chrono::steady_clock::now();
  const Bytes want = run_in_memory(layout, *runnable_targets()[0], 2).output;
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - start);
  RandomWords random(37);
  for (size_t i = 0; i < 40; ++i) {
    const uint64_t limit = static_cast<uint64_t>(whole.count()) * 5 / 4 + 1;
    cancel_at(layout, want, 1 + i % 8, random.below(limit));
  }
}

void check_cancel_before_work() {
  Layout layout(41);
  add_steps(layout, 0, false, 1000);
  WireJob wire = read_words(words_of(layout.job(true)));
  Bytes output(wire.outputs[0].size);
  Job job(wire, memory_places(layout.sources, output), {&scalar_table, false, false, 3});
  job.cancel();
  work_on(job, 3);
  job.finish();
  CHECK(job.failed() && job.error().code == "ABORTED" && job.bytes_done() == 0);
}

// Two steps, each with a gate of its own that lets in one worker; a block waits until both steps
// are being run, which two workers manage only if the second one does not wait at the first gate.
struct Meeting {
  std::mutex mutex;
  std::condition_variable changed;
  std::set<const void*> inside;
  bool met = false;
  int most = 0;
};

class OneAtATime : public RunningStep, public Gate {
 public:
  OneAtATime(StepIo& io, Meeting& meeting) : RunningStep(io), meeting_(meeting) { gate = this; }

  bool enter() override { return !std::exchange(taken_, true); }
  void leave() override { taken_ = false; }

  void run_block(uint64_t, Scratch&) override {
    std::unique_lock lock(meeting_.mutex);
    meeting_.most = std::max(meeting_.most, ++workers_);
    meeting_.inside.insert(this);
    meeting_.met = meeting_.met || meeting_.inside.size() == 2;
    meeting_.changed.notify_all();
    meeting_.changed.wait_for(lock, std::chrono::seconds(10), [&] { return meeting_.met; });
    meeting_.inside.erase(this);
    --workers_;
  }

 private:
  Meeting& meeting_;
  bool taken_ = false;
  int workers_ = 0;
};

class OneAtATimeAccelerator : public Accelerator {
 public:
  explicit OneAtATimeAccelerator(Meeting& meeting) : meeting_(meeting) {}
  std::unique_ptr<RunningStep> make(StepIo& io) override {
    return std::make_unique<OneAtATime>(io, meeting_);
  }

 private:
  Meeting& meeting_;
};

void check_gates() {
  Layout layout(43);
  for (int i = 0; i < 2; ++i) layout.step(Operation::linear, 0, 300'000, {0}, {0, 1, 1, 0.5});
  Meeting meeting;
  run_in_memory(layout, scalar_table, 2, std::make_shared<OneAtATimeAccelerator>(meeting));
  CHECK(meeting.met);
  CHECK(meeting.most == 1);
}

}  // namespace

int main() {
  check_targets_and_threads(false);
  check_targets_and_threads(true);
  check_linear();
  check_trimming();
  check_cancel();
  check_cancel_before_work();
  check_gates();
  return check_result();
}
