// compare: the same numbers on every target, with any number of threads; what it writes stays
// within its place, and what does not fit there is refused.
#include "../targets/dispatch.h"
#include "check.h"
#include "job_fixture.h"

using namespace weightloom;
using namespace weightloom_test;

namespace {

struct Case {
  int codec;  // of the step: kNoCodec compares bytes
  std::vector<int> codecs;
  size_t count;
  bool task;
};

uint64_t words_for(size_t inputs) {
  const uint64_t models = inputs - 1;
  return 5 + 8 * models + models * (models - 1) / 2;
}

WireJob job_of(const Case& c, uint64_t offset, uint64_t room, bool memory = true) {
  WireJob job;
  const size_t width = c.codec == kNoCodec ? 1 : kWidth[c.codec];
  WireStep step{
      Operation::compare,  0, offset, c.codec, static_cast<uint32_t>(8 * width), c.count, {},
      {c.task ? 1.0 : 0.0}};
  for (size_t i = 0; i < c.codecs.size(); ++i) {
    const int codec = c.codecs[i];
    const size_t bytes = c.count * (codec == kNoCodec ? 1 : kWidth[codec]);
    job.sources.push_back({true, bytes + i});
    step.inputs.push_back({static_cast<uint32_t>(i), kNotNested, i, codec});
  }
  job.outputs.push_back({memory, room});
  job.steps.push_back(step);
  return job;
}

std::vector<Bytes> sources_of(const Case& c) {
  RandomWords random(c.count * 8 + static_cast<uint64_t>(c.codec));
  std::vector<Bytes> sources;
  for (size_t i = 0; i < c.codecs.size(); ++i) {
    const int codec = c.codecs[i] == kNoCodec ? 3 : c.codecs[i];
    Bytes source(i, 0x77);
    const Bytes stored = random_stored(codec, c.count, random);
    source.insert(source.end(), stored.begin(), stored.end());
    sources.push_back(source);
  }
  return sources;
}

Bytes run(const Case& c, const KernelTable& kernels, size_t threads) {
  const uint64_t room = 8 * words_for(c.codecs.size()) + 16;
  std::vector<Bytes> sources = sources_of(c);
  Bytes output(room, 0xEE);
  Job job(read_words(words_of(job_of(c, 8, room))), memory_places(sources, output),
          {&kernels, false, false, threads});
  work_on(job, threads);
  job.finish();
  CHECK_THAT(!job.failed(), "%s", job.error().message.c_str());
  return output;
}

void check_case(const Case& c) {
  const Bytes want = run(c, scalar_table, 1);
  for (size_t i = 0; i < 8; ++i) {
    CHECK_THAT(want[i] == 0xEE && want[want.size() - 1 - i] == 0xEE, "codec %d, n %zu: margins",
               c.codec, c.count);
  }
  for (const KernelTable* table : runnable_targets()) {
    for (const size_t threads : {1, 3}) {
      CHECK_THAT(run(c, *table, threads) == want, "%s, %zu threads, codec %d, n %zu, task %d",
                 table->name, threads, c.codec, c.count, c.task);
    }
  }
}

void check_refused(const WireJob& job, const char* what) {
  try {
    read_words(words_of(job));
  } catch (const JobError& error) {
    CHECK_THAT(error.code == "ARGUMENT", "%s: %s", what, error.code.c_str());
    return;
  }
  CHECK_THAT(false, "%s was not refused", what);
}

void check_refusals() {
  const Case good{2, {2, 2, 2}, 100, true};
  const uint64_t room = 8 * words_for(3);
  read_words(words_of(job_of(good, 0, room)));
  check_refused(job_of(good, 0, room - 1), "too little room");
  check_refused(job_of(good, 1, room), "an offset beyond the room");
  check_refused(job_of(good, 0, room, false), "an output that is no memory");
  check_refused(job_of({2, {2}, 100, false}, 0, room), "nothing to compare with");
  check_refused(job_of({kNoCodec, {kNoCodec, kNoCodec}, 100, true}, 0, room), "bytes as tasks");
  check_refused(job_of({2, {2, kNoCodec}, 100, false}, 0, room), "an input without a codec");
  WireJob job = job_of(good, 0, room);
  job.steps[0].parameters = {2};
  check_refused(job, "a parameter of 2");
  job = job_of(good, 0, room);
  job.steps[0].count = 101;
  check_refused(job, "inputs that are too short");
  job = job_of(good, 0, room);
  job.nested = job.steps;
  check_refused(job, "a nested step");
}

}  // namespace

int main() {
  for (const size_t count : {1, 17, 4111, 70'000, 132'000}) {
    for (const bool task : {false, true}) {
      for (int codec = 0; codec < kAllCodecs; ++codec) {
        check_case({codec, {codec, codec, codec}, count, task});
      }
      check_case({1, {1, 0, 3, 2, 4}, count, task});
    }
    check_case({kNoCodec, {kNoCodec, kNoCodec}, count, false});
  }
  check_refusals();
  return check_result();
}
