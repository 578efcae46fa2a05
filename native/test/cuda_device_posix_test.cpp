// GPUs, their memory and their lanes, on the driver of native/test/cuda_mock, which
// WEIGHTLOOM_CUDA_DRIVER names.
#include "../cuda/accelerator.h"

#include <cstdlib>

#include "../engine/nested.h"
#include "../targets/dispatch.h"
#include "check.h"
#include "job_steps.h"

using namespace weightloom;
using namespace weightloom_test;

namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

const cuda::Driver& driver() { return *cuda::find_driver().driver; }

// While it lives the mock is told so.
class Pretend {
 public:
  Pretend(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Pretend() { unsetenv(name_); }

 private:
  const char* name_;
};

// Runs `body` and returns the code of the JobError that it throws, or "".
template <class Body>
std::string code_of(Body body) {
  try {
    body();
  } catch (const JobError& error) {
    return error.code;
  }
  return "";
}

void test_failed_device() {
  {
    const Pretend fail("WEIGHTLOOM_MOCK_FAIL", "cuModuleLoadData:1:2");
    CHECK(code_of([] { cuda::Device(driver(), 0); }) == "DEVICE_MEMORY");
  }
  const Pretend fail("WEIGHTLOOM_MOCK_FAIL", "cuModuleGetFunction:3:500");
  CHECK(code_of([] { cuda::Device(driver(), 0); }) == "DEVICE");
  void* current = nullptr;
  driver().cuCtxGetCurrent(&current);
  CHECK(current == nullptr);
}

// The first call fails; the others must not try again, which here would succeed.
void test_failed_preparation() {
  const auto accelerator = cuda::make_accelerator({.max_device_memory = 1, .threads = 2});
  CHECK(code_of([&] { accelerator->prepare(); }) == "DEVICE_MEMORY");
  const auto other = cuda::make_accelerator({.max_device_memory = 8 * kMiB, .threads = 2});
  const Pretend fail("WEIGHTLOOM_MOCK_FAIL", "cuMemGetInfo_v2:1:700");
  CHECK(code_of([&] { other->prepare(); }) == "DEVICE");
  CHECK(code_of([&] { other->prepare(); }) == "DEVICE");
}

void test_kept_memory_makes_room() {
  const Pretend small("WEIGHTLOOM_MOCK_MEMORY", "8388608");
  const cuda::Device& device = cuda::device_at(driver(), 0);
  device.enter();
  cuda::DeviceMemory memory(device, 64 * kMiB, 4 * kMiB);
  memory.give(memory.take(6 * kMiB), 6 * kMiB);
  const auto whole = memory.take(7 * kMiB);
  CHECK(whole != 0);
  CHECK(memory.take(kMiB) == 0);
  memory.give(whole, 7 * kMiB);
  const auto lane = memory.take_lane(4 * kMiB);
  CHECK(lane != 0);
  memory.give_lane(lane, 4 * kMiB);
}

// A gate for as many as there are lanes, and few blocks where each has much to do in the end.
void test_limits() {
  const cuda::Device& device = cuda::device_at(driver(), 0);
  cuda::DeviceMemory memory(device, 16 * kMiB, 8 * kMiB);
  cuda::Lanes lanes(device, memory, 2, 4 * kMiB);
  CHECK(lanes.enter() && lanes.enter() && !lanes.enter());
  lanes.leave();
  CHECK(lanes.enter());
  const auto processors = static_cast<uint64_t>(device.facts().processors);
  CHECK(device.few_blocks(uint64_t{1} << 30) == 2 * processors);
  CHECK(device.few_blocks(100) == 1);
}

// A step to hand to Chunks.
struct Step {
  Step() : io(make(), state, nested, false) { state.kernels = runnable_targets()[0]; }
  const WireStep& make() {
    step.operation = Operation::linear;
    step.count = 100;
    step.bits = 32;
    return step;
  }
  WireStep step{};
  JobState state;
  NestedSteps nested;
  StepIo io;
};

// What a chunk asked for is done before another has its lane, also where it ends in an error.
void test_lane_after_error() {
  const Pretend late("WEIGHTLOOM_MOCK_LATE", "1");
  const cuda::Device& device = cuda::device_at(driver(), 0);
  device.enter();
  cuda::DeviceMemory memory(device, 16 * kMiB, 8 * kMiB);
  cuda::Lanes lanes(device, memory, 1, 4 * kMiB);
  const auto room = memory.take(kMiB);
  void* const there = reinterpret_cast<void*>(room);
  Step step;
  {
    cuda::Chunks chunks(step.io, lanes, memory, {});
    CHECK(chunks.fit());
    const auto failing = [&] {
      chunks.run(0, [&](cuda::Chunk& chunk) {
        uint8_t* const staged = chunk.lane().host(1);
        *staged = 1;
        chunk.lane().upload(there, staged, 1);
        throw JobError{"DEVICE", "as told"};
      });
    };
    CHECK(code_of(failing) == "DEVICE");
    chunks.run(0, [&](cuda::Chunk& chunk) {
      *chunk.lane().host(1) = 2;
      const uint8_t* found = chunk.results(static_cast<const uint8_t*>(there), 1);
      chunk.finish();
      CHECK(*found == 1);
    });
  }
  memory.give(room, kMiB);
}

void test_inputs_are_reserved_late() {
  const cuda::Device& device = cuda::device_at(driver(), 0);
  device.enter();
  cuda::DeviceMemory memory(device, 16 * kMiB, 8 * kMiB);
  cuda::Lanes lanes(device, memory, 1, 4 * kMiB);
  Step step;
  const Pretend fail("WEIGHTLOOM_MOCK_FAIL", "cuMemAlloc_v2:1:700");
  cuda::Chunks chunks(step.io, lanes, memory, {.again = true});
  CHECK(code_of([&] { chunks.run(0, [](cuda::Chunk&) {}); }) == "DEVICE");
}

// A thread that had a context has it again, and no memory outlives finish().
void test_job_leaves_nothing() {
  Layout layout(7);
  add_steps(layout, 2, false, 4200);
  void* const own = reinterpret_cast<void*>(uintptr_t{77});
  driver().cuCtxSetCurrent(own);
  auto accelerator = cuda::make_accelerator({.max_device_memory = 64 * kMiB, .threads = 1});
  const std::weak_ptr<Accelerator> watched = accelerator;
  WireJob wire = read_words(words_of(layout.job(true)));
  std::vector<Bytes> sources = layout.sources;
  Bytes output(wire.outputs[0].size, 0xEE);
  JobOptions options{runnable_targets()[0], false, false, 1, std::move(accelerator)};
  Job job(wire, memory_places(sources, output), std::move(options));
  work_on(job, 1);
  void* current = nullptr;
  driver().cuCtxGetCurrent(&current);
  CHECK(current == own);
  job.finish();
  CHECK(!job.failed());
  CHECK(job.steps_accelerated() > 0);
  CHECK(watched.expired());
  driver().cuCtxGetCurrent(&current);
  CHECK(current == own);
}

}  // namespace

int main() {
  if (std::getenv("WEIGHTLOOM_CUDA_DRIVER") == nullptr) {
    std::printf("skipped: WEIGHTLOOM_CUDA_DRIVER is not set\n");
    return 0;
  }
  const auto& found = cuda::find_driver();
  if (found.driver == nullptr) {
    std::printf("no driver: %s\n", found.reason.c_str());
    return 1;
  }
  test_failed_device();
  test_failed_preparation();
  test_kept_memory_makes_room();
  test_limits();
  test_lane_after_error();
  test_inputs_are_reserved_late();
  test_job_leaves_nothing();
  return check_result();
}
