// A wire that is any words at all, or a valid one with some words changed, is refused or runs
// within its memory; and what runs gives the bytes of the scalar target.
#include "../targets/dispatch.h"
#include "../test/check.h"
#include "../test/job_steps.h"
#include "input.h"

using namespace weightloom;
using namespace weightloom_test;
using weightloom_fuzz::Input;
using weightloom_fuzz::insist;

namespace {

using Words = std::vector<uint64_t>;

constexpr uint64_t kMostMemory = uint64_t{1} << 18;
constexpr uint64_t kMostWork = uint64_t{1} << 22;

Words valid_words(int codec, bool mixed, size_t count) {
  Layout layout(59);
  add_steps(layout, codec, mixed, count);
  return words_of(layout.job(true));
}

Words words_from(Input& input) {
  static const Words valid[] = {valid_words(0, false, 70), valid_words(2, true, 33),
                                valid_words(1, false, 1), valid_words(3, true, 64)};
  const auto choice = input.take<uint8_t>();
  if (choice % 5 == 4) return input.many<uint64_t>(input.left() / 8);
  Words words = valid[choice % 5];
  for (int changes = 0; input.left() > 2 && changes < 16; ++changes) {
    const auto at = input.take<uint16_t>();
    uint64_t& word = words[at % words.size()];
    if (at >= 0x8000) {
      word ^= input.take<uint8_t>();
    } else {
      word = input.take<uint64_t>();
    }
  }
  return words;
}

bool too_large(const WireJob& wire) {
  uint64_t memory = 0, work = 0;
  for (const auto* files : {&wire.sources, &wire.outputs}) {
    for (const WireFile& file : *files) memory += std::min(file.size, kMostMemory);
  }
  for (const WireStep& step : wire.steps) {
    work += std::min(step.count, kMostWork) * (1 + step.inputs.size());
    // An iteration of karcher's mean costs as much as some elements do.
    if (step.operation == Operation::span && step.parameters[0] == 3) {
      work += static_cast<uint64_t>(step.parameters[4]) * step.inputs.size() * 16;
    }
  }
  return memory >= kMostMemory || work >= kMostWork;
}

// The output, or the code of the error.
Bytes run(const WireJob& wire, const KernelTable& kernels) {
  std::vector<Bytes> memory;
  std::vector<Job::Place> places;
  for (const auto* files : {&wire.sources, &wire.outputs}) {
    for (const WireFile& file : *files) {
      Bytes bytes(file.memory ? file.size : 0);
      for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7 ^ i >> 5);
      memory.push_back(std::move(bytes));
    }
  }
  for (Bytes& bytes : memory) places.push_back({"", bytes.data()});
  try {
    Job job(wire, places, {&kernels, true, false, 1});
    work_on(job, 1);
    job.finish();
    if (job.failed()) throw job.error();
  } catch (const JobError& error) {
    insist(!error.code.empty() && error.code != "INTERNAL", error.message.c_str());
    return {error.code.begin(), error.code.end()};
  }
  Bytes all;
  for (const Bytes& bytes : memory) all.insert(all.end(), bytes.begin(), bytes.end());
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  WireJob wire;
  try {
    wire = read_words(words_from(input));
  } catch (const JobError& error) {
    insist(error.code == "ARGUMENT", "another code than ARGUMENT");
    return 0;
  }
  if (too_large(wire)) return 0;
  const Bytes want = run(wire, scalar_table);
  for (const KernelTable* table : runnable_targets()) {
    insist(run(wire, *table) == want, "a target gives other bytes than scalar");
  }
  return 0;
}
