// Jobs for tests: a WireJob is laid out step by step with its source bytes, sent through the wire,
// and run by some threads, in memory or through files.
#pragma once

#include <string>
#include <thread>
#include <vector>

#include "../engine/job.h"
#include "stored_values.h"

namespace weightloom_test {

// The wire form; see engine/wire.h.
inline std::vector<uint64_t> words_of(const weightloom::WireJob& job) {
  std::vector<uint64_t> words = {0x323030424F4A4C57ull, job.sources.size(), job.outputs.size(),
                                 job.nested.size(), job.steps.size()};
  const auto add = [&](auto... more) { (words.push_back(static_cast<uint64_t>(more)), ...); };
  const auto kind = [](const auto& file) { return file.nowhere ? 2 : file.memory ? 1 : 0; };
  for (const auto& file : job.sources) add(kind(file), file.size);
  for (const auto& file : job.outputs) add(kind(file), file.size);
  const auto add_step = [&](const weightloom::WireStep& step) {
    add(step.operation, step.output, step.offset, step.codec, step.bits, step.count,
        step.inputs.size(), step.parameters.size());
    for (const auto& input : step.inputs) add(input.source, input.offset, input.codec);
    for (const double number : step.parameters) {
      uint64_t word;
      std::memcpy(&word, &number, 8);
      words.push_back(word);
    }
  };
  for (const auto& step : job.nested) add_step(step);
  for (const auto& step : job.steps) add_step(step);
  return words;
}

inline weightloom::WireJob read_words(const std::vector<uint64_t>& words) {
  return weightloom::read_wire(words.data(), words.size());
}

// Builds a job whose inputs lie in one source for each position and whose outputs lie in one
// output, tensor after tensor with a few bytes between them.
class Layout {
 public:
  explicit Layout(uint64_t seed, bool tame = false) : random_(seed), tame_(tame) {}

  // codecs: of the inputs. `equal`: all inputs hold the same bytes.
  void step(weightloom::Operation operation, int codec, size_t count,
            const std::vector<int>& codecs, std::vector<double> parameters, bool equal = false) {
    weightloom::WireStep step{operation,
                              0,
                              place(output_size_, count * kWidth[codec]),
                              codec,
                              static_cast<uint32_t>(8 * kWidth[codec]),
                              count,
                              {},
                              std::move(parameters)};
    Bytes first;
    for (size_t i = 0; i < codecs.size(); ++i) {
      Bytes bytes = equal && i > 0 ? first : random_stored(codecs[i], count, random_, tame_);
      if (i == 0) first = bytes;
      if (sources.size() <= i) sources.resize(i + 1);
      Bytes& source = sources[i];
      source.resize(source.size() + 1 + random_.below(5), 0x5A);
      step.inputs.push_back(
          {static_cast<uint32_t>(i), weightloom::kNotNested, source.size(), codecs[i]});
      source.insert(source.end(), bytes.begin(), bytes.end());
    }
    steps_.push_back(std::move(step));
  }

  weightloom::WireJob job(bool memory) const {
    weightloom::WireJob job;
    for (const Bytes& source : sources) job.sources.push_back({memory, source.size()});
    job.outputs.push_back({memory, output_size_});
    job.steps = steps_;
    return job;
  }

  // The next `draws` of the torch stream: where they begin.
  double torch_offset(size_t draws) {
    const auto offset = static_cast<double>(drawn_);
    drawn_ += draws;
    return offset;
  }

  std::vector<Bytes> sources;

 private:
  uint64_t place(uint64_t& end, uint64_t bytes) {
    const uint64_t at = end + random_.below(4);
    end = at + bytes + random_.below(4);
    return at;
  }

  RandomWords random_;
  bool tame_;
  uint64_t drawn_ = 0;
  uint64_t output_size_ = 0;
  std::vector<weightloom::WireStep> steps_;
};

struct RunResult {
  Bytes output;
  std::vector<weightloom::StepResult> steps;
};

inline void work_on(weightloom::Job& job, size_t threads) {
  std::vector<std::thread> helpers;
  for (size_t i = 1; i < threads; ++i) helpers.emplace_back([&] { job.work(); });
  job.work();
  for (std::thread& helper : helpers) helper.join();
}

inline std::vector<weightloom::Job::Place> memory_places(std::vector<Bytes>& sources,
                                                         Bytes& output) {
  std::vector<weightloom::Job::Place> places;
  for (Bytes& source : sources) places.push_back({"", source.data()});
  places.push_back({"", output.data()});
  return places;
}

// Throws the job's JobError when it fails. Every thread but the first brings spare memory for the
// masks of three blocks, so that none, some or all are kept between phases.
inline RunResult run_in_memory(const Layout& layout, const weightloom::KernelTable& kernels,
                               size_t threads,
                               std::shared_ptr<weightloom::Accelerator> accelerator = nullptr) {
  weightloom::WireJob wire = read_words(words_of(layout.job(true)));
  std::vector<Bytes> sources = layout.sources;
  Bytes output(wire.outputs[0].size, 0xEE);
  weightloom::Job job(wire, memory_places(sources, output),
                      {&kernels, false, false, threads, std::move(accelerator),
                       (threads - 1) * 3 * weightloom::kBlock / 8});
  work_on(job, threads);
  job.finish();
  if (job.failed()) throw job.error();
  return {output, job.results()};
}

}  // namespace weightloom_test
