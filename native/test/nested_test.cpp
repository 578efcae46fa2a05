// Nested steps: what is made of them equals what is made of their tensors once written, for every
// pair of operations, on any number of threads, also where only their first elements are wanted.
#include "../targets/dispatch.h"
#include "check.h"
#include "job_steps.h"

using namespace weightloom;
using namespace weightloom_test;

namespace {

constexpr int kCodec = 2;

bool can_nest(const WireStep& step) {
  const auto& p = step.parameters;
  if (step.operation == Operation::census) return false;
  if (step.operation != Operation::task) return true;
  for (size_t i = 11; i < p.size(); i += 6) {
    if (p[i + 1] == 7) return false;
  }
  return p[7] == 0;
}

WireJob without_unnestable(WireJob job) {
  std::erase_if(job.steps, [](const WireStep& step) { return !can_nest(step); });
  return job;
}

// With spare memory for the masks of some blocks.
RunResult run(const WireJob& job, std::vector<Bytes> sources, size_t threads) {
  WireJob wire = read_words(words_of(job));
  Bytes output(wire.outputs[0].size, 0xEE);
  Job running(wire, memory_places(sources, output),
              {runnable_targets()[0], false, false, threads, nullptr, threads * kBlock / 8});
  work_on(running, threads);
  running.finish();
  if (running.failed()) throw running.error();
  return {output, running.results()};
}

// `outer` over the first tensors, both from memory and from nested steps.
void check_pair(const Layout& layout, const WireJob& inner, const Bytes& written, WireStep outer,
                size_t threads) {
  std::vector<Bytes> sources = layout.sources;
  sources.push_back(written);
  WireJob plain, nested;
  for (const Bytes& source : sources) plain.sources.push_back({true, source.size()});
  nested.sources = plain.sources;
  nested.nested = inner.steps;
  plain.outputs = nested.outputs = {{true, outer.offset + outer.count * outer.bits / 8}};
  WireStep from_memory = outer, from_steps = outer;
  for (size_t i = 0; i < outer.inputs.size(); ++i) {
    const auto k = static_cast<uint32_t>(i % inner.steps.size());
    const auto files = static_cast<uint32_t>(sources.size());
    from_memory.inputs[i] = {files - 1, kNotNested, inner.steps[k].offset, kCodec};
    from_steps.inputs[i] = {files + k, k, 0, kCodec};
  }
  plain.steps = {from_memory};
  nested.steps = {from_steps};
  const RunResult want = run(plain, sources, threads), got = run(nested, sources, threads);
  const auto at = static_cast<std::ptrdiff_t>(outer.offset);
  CHECK_THAT(std::equal(want.output.begin() + at, want.output.end(), got.output.begin() + at),
             "operation %d with %d inside, %zu threads", static_cast<int>(outer.operation),
             static_cast<int>(inner.steps[0].operation), threads);
}

// Every `stride`th operation comes first, and so most often.
void check_all_pairs(size_t count, size_t wanted, size_t stride) {
  Layout inner_layout(101, true), outer_layout(103, true);
  add_steps(inner_layout, kCodec, false, count);
  add_steps(outer_layout, kCodec, false, wanted);
  const WireJob inner = without_unnestable(inner_layout.job(true));
  const WireJob outer = without_unnestable(outer_layout.job(true));
  const Bytes written = run(inner, inner_layout.sources, 2).output;
  for (size_t i = 0; i < inner.steps.size(); i += stride) {
    WireJob rotated = inner;
    std::rotate(rotated.steps.begin(), rotated.steps.begin() + static_cast<std::ptrdiff_t>(i),
                rotated.steps.end());
    for (const WireStep& step : outer.steps) {
      if (step.operation == Operation::same) continue;
      check_pair(inner_layout, rotated, written, step, 1 + i % 3);
    }
  }
}

// Mean of the mean of two tensors and of the first again, written out.
void check_chain() {
  Layout layout(107, true);
  layout.step(Operation::linear, 0, 70'000, {0, 0}, {0, 1, 0, 0.5, 0.25});
  WireJob job = layout.job(true);
  WireStep second = job.steps[0], last = job.steps[0];
  const auto files = static_cast<uint32_t>(job.sources.size());
  second.inputs[1] = {files, 0, 0, 0};
  last.inputs[1] = {files + 1, 1, 0, 0};
  job.nested = {job.steps[0], second};
  job.steps = {last};
  const RunResult got = run(job, layout.sources, 3);
  const auto value = [&](const Bytes& bytes, uint64_t at) {
    float x;
    std::memcpy(&x, &bytes[at], 4);
    return x;
  };
  for (size_t i = 0; i < last.count; ++i) {
    const float x = value(layout.sources[0], last.inputs[0].offset + 4 * i);
    const float y = value(layout.sources[1], job.nested[0].inputs[1].offset + 4 * i);
    const float first = 0.5f * x + 0.25f * y;
    const float then = 0.5f * x + 0.25f * first;
    CHECK(value(got.output, last.offset + 4 * i) == 0.5f * x + 0.25f * then);
  }
}

}  // namespace

int main() {
  check_all_pairs(4200, 4200, 2);
  check_all_pairs(69'000, 69'000, 7);
  check_all_pairs(132'000, 84'000, 9);
  check_chain();
  return check_result();
}
