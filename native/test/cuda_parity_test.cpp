// Whole jobs on a GPU against the same jobs on the CPU: equal bytes and equal counts, for every
// operation, codec and awkward length, with bounds that leave room for little and for much. Needs a
// CUDA driver: the one of the machine, or what WEIGHTLOOM_CUDA_DRIVER names, which in the tests of
// CMake is native/test/cuda_mock.
#include <cstdlib>
#include <cstring>
#include <set>

#include "../cuda/accelerator.h"
#include "../targets/dispatch.h"
#include "check.h"
#include "job_steps.h"

using namespace weightloom;
using namespace weightloom_test;

namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

// Which operations were run by the GPU.
class Counting : public Accelerator {
 public:
  explicit Counting(std::shared_ptr<Accelerator> inner) : inner_(std::move(inner)) {}
  std::shared_ptr<void> prepare() override { return inner_->prepare(); }
  std::unique_ptr<RunningStep> make(StepIo& io) override {
    auto step = inner_->make(io);
    if (step != nullptr) taken.insert(io.step().operation);
    return step;
  }
  std::set<Operation> taken;

 private:
  std::shared_ptr<Accelerator> inner_;
};

void compare(const Layout& layout, const RunResult& want, uint64_t bound, size_t threads) {
  const auto accelerator = std::make_shared<Counting>(
      cuda::make_accelerator({.max_device_memory = bound, .threads = threads}));
  const RunResult got = run_in_memory(layout, *runnable_targets()[0], threads, accelerator);
  const std::set<Operation> all = {Operation::linear,      Operation::span, Operation::task,
                                   Operation::nearswap,    Operation::ram,  Operation::sce,
                                   Operation::arcee_fusion};
  CHECK(accelerator->taken == all);
  const WireJob job = layout.job(true);
  for (size_t i = 0; i < want.steps.size(); ++i) {
    const WireStep& step = job.steps[i];
    if (step.operation == Operation::census) continue;
    const uint64_t bytes = step.count * step.bits / 8;
    const bool same = std::memcmp(&got.output[step.offset], &want.output[step.offset], bytes) == 0;
    CHECK_THAT(same, "step %zu, operation %d, %llu elements of codec %d, bound %llu MiB", i,
               static_cast<int>(step.operation), static_cast<unsigned long long>(step.count),
               step.codec, static_cast<unsigned long long>(bound / kMiB));
    CHECK_THAT(same_counts(got.steps[i], want.steps[i]), "step %zu, operation %d: counts", i,
               static_cast<int>(step.operation));
  }
}

void check_steps(bool tame) {
  const Layout layout = all_steps(29, tame);
  const RunResult want = run_in_memory(layout, *runnable_targets()[0], 2);
  compare(layout, want, 4 * kMiB, 1);
  compare(layout, want, 64 * kMiB, 3);
}

// Several chunks of several lanes.
void check_large(int codec, uint64_t bound, size_t threads) {
  Layout layout(31);
  add_steps(layout, codec, false, 1'200'000);
  compare(layout, run_in_memory(layout, *runnable_targets()[0], 2), bound, threads);
}

}  // namespace

// "few" after the name leaves out what takes long.
int main(int count, char** arguments) {
  const auto& found = cuda::find_driver();
  if (found.driver == nullptr) {
    const bool named = std::getenv("WEIGHTLOOM_CUDA_DRIVER") != nullptr;
    std::printf("%s: %s\n", named ? "no driver" : "skipped", found.reason.c_str());
    return named ? 1 : 0;
  }
  try {
    check_steps(true);
    if (count > 1 && std::strcmp(arguments[1], "few") == 0) return check_result();
    check_steps(false);
    check_large(0, 4 * kMiB, 2);
    check_large(2, 256 * kMiB, 4);
  } catch (const JobError& error) {
    std::printf("%s: %s\n", error.code.c_str(), error.message.c_str());
    return 1;
  }
  return check_result();
}
