// A damaged wire is refused with a JobError, or runs: it never reads or writes outside its memory.
// Meant to run under the address and undefined-behaviour sanitizers as well.
#if !defined(_WIN32)
#include <signal.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <cstring>

#include "../targets/dispatch.h"
#include "check.h"
#include "job_steps.h"

using namespace weightloom;
using namespace weightloom_test;

namespace {

using Words = std::vector<uint64_t>;

constexpr size_t kRounds = 20'000;
constexpr uint64_t kMostMemory = uint64_t{1} << 20;

constexpr uint64_t kInteresting[] = {0,
                                     1,
                                     2,
                                     3,
                                     4,
                                     5,
                                     7,
                                     8,
                                     63,
                                     64,
                                     65,
                                     255,
                                     256,
                                     257,
                                     65'535,
                                     65'536,
                                     65'537,
                                     (uint64_t{1} << 24) - 1,
                                     uint64_t{1} << 24,
                                     uint64_t{1} << 31,
                                     (uint64_t{1} << 32) - 1,
                                     uint64_t{1} << 32,
                                     uint64_t{1} << 53,
                                     (uint64_t{1} << 62) - 1,
                                     uint64_t{1} << 62,
                                     uint64_t{1} << 63,
                                     ~uint64_t{0},
                                     ~uint64_t{0} - 7,
                                     0x3FF0000000000000,  // 1.0
                                     0xBFF0000000000000,
                                     0x4000000000000000,
                                     0x4008000000000000,
                                     0x7FEFFFFFFFFFFFFF,
                                     0x7FF0000000000000,  // infinity
                                     0xFFF0000000000000,
                                     0x7FF8000000000000,
                                     0x7FF0000000000001,
                                     0x43F0000000000000,
                                     0x4200000000000000,  // 2^33
                                     0x4330000000000000};

void mutate(Words& words, RandomWords& random) {
  const auto at = static_cast<std::ptrdiff_t>(random.below(words.size()));
  uint64_t& word = words[static_cast<size_t>(at)];
  switch (random.below(8)) {
    case 0:
      word ^= uint64_t{1} << random.below(64);
      break;
    case 1:
      word = random.next();
      break;
    case 2:
      word += random.below(17) - 8;
      break;
    case 3:
      words.erase(words.begin() + at);
      break;
    case 4:
      words.insert(words.begin() + at, random.below(9));
      break;
    case 5:
      std::swap(word, words[random.below(words.size())]);
      break;
    default:
      word = kInteresting[random.below(std::size(kInteresting))];
      break;
  }
  if (random.below(200) == 0) words.resize(random.below(words.size() + 1));
  if (words.empty()) words.push_back(random.next());
}

std::vector<Bytes> memory_for(const std::vector<WireFile>& files) {
  std::vector<Bytes> memory;
  for (const WireFile& file : files) memory.emplace_back(file.memory ? file.size : 0, 0x3C);
  return memory;
}

bool too_large(const WireJob& wire) {
  uint64_t total = 0;
  for (const auto* files : {&wire.sources, &wire.outputs}) {
    for (const WireFile& file : *files) total += std::min(file.size, kMostMemory);
  }
  return total >= kMostMemory;
}

// A job that waits for what never comes is as bad as one that crashes.
#if defined(_WIN32)
void expect_alarm() {}
void alarm(unsigned) {}  // there ctest's own limit must do
#else
void on_alarm(int) {
  constexpr char message[] = "a damaged wire made a job hang\n";
  [[maybe_unused]] const ssize_t written = write(1, message, sizeof(message) - 1);
  _exit(1);
}
void expect_alarm() { signal(SIGALRM, on_alarm); }
#endif

// True when it ran.
bool try_wire(const Words& words, const KernelTable& kernels) {
  alarm(60);
  try {
    const WireJob wire = read_words(words);
    if (too_large(wire)) return false;
    std::vector<Bytes> sources = memory_for(wire.sources), outputs = memory_for(wire.outputs);
    std::vector<Job::Place> places;
    for (Bytes& source : sources) places.push_back({"", source.data()});
    for (Bytes& output : outputs) places.push_back({"", output.data()});
    Job job(wire, places, {&kernels, true, false, 1});
    work_on(job, 1);
    job.finish();
    if (!job.failed()) return true;
    throw job.error();
  } catch (const JobError& error) {
    CHECK(!error.code.empty() && error.code != "INTERNAL");
    return false;
  }
}

WireJob valid_job(int codec, bool mixed, size_t count) {
  Layout layout(59);
  add_steps(layout, codec, mixed, count);
  // Its numbers lie where a tensor of as many elements would.
  if (count >= 300) layout.step(Operation::compare, codec, count, {codec, codec, codec}, {1});
  return layout.job(true);
}

// The steps of a job, the first inputs of which are made by steps of the same kinds.
WireJob nested_job(int codec, size_t count) {
  WireJob job = valid_job(codec, false, count);
  const auto files = static_cast<uint32_t>(job.sources.size());
  for (const WireStep& step : job.steps) {
    if (step.operation == Operation::linear || step.operation == Operation::span) {
      job.nested.push_back(step);
    }
  }
  for (WireStep& step : job.steps) {
    if (step.operation == Operation::census) continue;
    const auto k = static_cast<uint32_t>(step.offset % job.nested.size());
    step.inputs[0] = {files + k, k, 0, codec};
  }
  return job;
}

void check_refused(const Words& words, size_t at, uint64_t value) {
  Words changed = words;
  changed[at] = value;
  CHECK_THAT(!try_wire(changed, scalar_table), "word %zu", at);
}

void check_bounds() {
  Layout layout(61);
  layout.step(Operation::linear, 0, 100, {0}, {0, 1, 0, 1});
  const Words words = words_of(layout.job(true));
  CHECK(try_wire(words, scalar_table));
  constexpr size_t source_size = 6, output_size = 8, step = 9;
  check_refused(words, 0, words[0] + 1);
  check_refused(words, source_size, words[source_size] - 1);
  check_refused(words, output_size, 399);
  for (const size_t at : {step, step + 1, step + 2, step + 3, step + 4, step + 5, step + 8}) {
    check_refused(words, at, uint64_t{1} << 61);
    check_refused(words, at, ~uint64_t{0});
  }
  for (size_t length = 0; length < words.size(); ++length) {
    CHECK(!try_wire(Words(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(length)),
                    scalar_table));
  }
}

// Damage to words anywhere, or to the numbers of an operation alone (which more often still runs).
Words damaged(const WireJob& valid, RandomWords& random) {
  if (random.below(2) == 0) {
    WireJob job = valid;
    auto& parameters = job.steps[random.below(job.steps.size())].parameters;
    if (!parameters.empty()) {
      const uint64_t word = kInteresting[random.below(std::size(kInteresting))];
      std::memcpy(&parameters[random.below(parameters.size())], &word, 8);
    }
    return words_of(job);
  }
  Words words = words_of(valid);
  for (uint64_t k = 0; k <= random.below(2); ++k) mutate(words, random);
  return words;
}

void check_damaged(size_t rounds) {
  RandomWords random(67);
  const WireJob valid[] = {valid_job(0, false, 300), valid_job(2, true, 63), valid_job(1, false, 1),
                           nested_job(1, 300)};
  size_t ran = 0;
  for (size_t i = 0; i < rounds; ++i) {
    const Words words = damaged(valid[i % 4], random);
    const auto& targets = runnable_targets();
    ran += try_wire(words, *targets[i % targets.size()]) ? 1 : 0;
  }
  std::printf("%zu of %zu damaged wires ran\n", ran, rounds);
  CHECK(ran > rounds / 20 && ran < rounds);
}

}  // namespace

// "few" after the name leaves out what takes long.
int main(int count, char** arguments) {
  const bool few = count > 1 && std::strcmp(arguments[1], "few") == 0;
  expect_alarm();
  check_bounds();
  check_damaged(few ? kRounds / 5 : kRounds);
  return check_result();
}
