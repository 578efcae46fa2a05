// Jobs between files, mapped and read by position: the bytes of the same job in memory, digests by
// block, and the right error code when a file is missing, has another size, or cannot be written.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "../engine/hash.h"
#include "../targets/dispatch.h"
#include "check.h"
#include "job_steps.h"

using namespace weightloom;
using namespace weightloom_test;

namespace {

class Folder {
 public:
  Folder() {
    std::random_device random;
    do {
      const std::string name = "weightloom-" + std::to_string(random());
      path_ = std::filesystem::temp_directory_path() / name;
    } while (!std::filesystem::create_directory(path_));
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string at(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

void write_file(const std::string& path, const Bytes& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<Job::Place> file_places(const Layout& layout, const Folder& folder) {
  std::vector<Job::Place> places;
  for (size_t i = 0; i < layout.sources.size(); ++i) {
    places.push_back({folder.at("source" + std::to_string(i)), nullptr});
    write_file(places.back().path, layout.sources[i]);
  }
  places.push_back({folder.at("output"), nullptr});
  write_file(places.back().path, {});
  return places;
}

RunResult run_in_files(const Layout& layout, const std::vector<Job::Place>& places, bool map,
                       size_t threads) {
  WireJob wire = read_words(words_of(layout.job(false)));
  const std::string& output = places.back().path;
  reserve_file(output, wire.outputs[0].size);
  Job job(wire, places, {runnable_targets()[0], map, true, threads});
  work_on(job, threads);
  job.finish();
  if (job.failed()) throw job.error();
  return {read_file(output), job.results()};
}

uint64_t digest_of(const WireStep& step, const Bytes& output) {
  const size_t width = step.bits / 8;
  std::vector<uint64_t> blocks;
  for (uint64_t first = 0; first < step.count; first += kBlock) {
    const uint64_t n = std::min(kBlock, step.count - first);
    blocks.push_back(xxh64(&output[step.offset + first * width], n * width, 0));
  }
  return digest_of_blocks(blocks);
}

void check_same_as_memory() {
  Layout layout(43);
  for (const size_t count : {0, 1, 65'536, 99'000}) {
    add_steps(layout, 0, false, count);
    add_steps(layout, 2, true, count);
  }
  RunResult want = run_in_memory(layout, scalar_table, 1);
  const auto steps = layout.job(true).steps;
  for (const bool map : {true, false}) {
    for (const size_t threads : {1, 4}) {
      const Folder folder;
      const auto places = file_places(layout, folder);
      const RunResult got = run_in_files(layout, places, map, threads);
      // Between tensors memory keeps what it held and a new file has zeros.
      CHECK(got.output.size() == want.output.size());
      for (size_t i = 0; i < steps.size(); ++i) {
        if (steps[i].operation == Operation::census) continue;  // it has no output
        const size_t bytes = steps[i].count * steps[i].bits / 8;
        const uint64_t at = steps[i].offset;
        CHECK(std::memcmp(got.output.data() + at, want.output.data() + at, bytes) == 0);
        CHECK(got.steps[i].digest == digest_of(steps[i], got.output));
      }
    }
  }
}

Layout one_copy(size_t count) {
  Layout layout(47);
  layout.step(Operation::copy, 0, count, {0}, {});
  return layout;
}

// An output that is nowhere: the digests of a file, and no file.
void check_nowhere() {
  Layout layout(59);
  add_steps(layout, 1, false, 99'000);
  const Folder folder;
  const auto places = file_places(layout, folder);
  const RunResult want = run_in_files(layout, places, true, 1);
  WireJob job = layout.job(false);
  job.outputs[0].nowhere = true;
  std::filesystem::remove(places.back().path);
  for (const size_t threads : {1, 4}) {
    Job digesting(read_words(words_of(job)), places, {runnable_targets()[0], true, true, threads});
    work_on(digesting, threads);
    digesting.finish();
    CHECK(!digesting.failed());
    for (size_t i = 0; i < want.steps.size(); ++i) {
      CHECK(digesting.results()[i].digest == want.steps[i].digest);
    }
    CHECK(!std::filesystem::exists(places.back().path));
  }
}

// Two outputs of which one has no step left to wait for: each is told as whole, with its results.
void check_whole() {
  const Layout layout = one_copy(200'000);
  const Folder folder;
  auto places = file_places(layout, folder);
  places.push_back({folder.at("untouched"), nullptr});
  write_file(places.back().path, {});
  WireJob wire = layout.job(false);
  wire.outputs.push_back({false, 0});
  Job job(read_words(words_of(wire)), places, {runnable_targets()[0], true, true, 2});
  work_on(job, 2);
  job.finish();
  CHECK(!job.failed());
  const Job::Whole whole = job.whole(0);
  CHECK(whole.outputs.size() == 2);
  CHECK(whole.results.size() == 1 && whole.results[0].digest == job.results()[0].digest);
  CHECK(job.whole(2).results.empty());
}

// The code of the error with which a run of these places ends.
std::string code_of(const Layout& layout, const std::vector<Job::Place>& places, bool map) {
  try {
    run_in_files(layout, places, map, 2);
    return "";
  } catch (const JobError& error) {
    return error.code;
  } catch (const FileError& error) {
    return error.operation;
  }
}

#if defined(_WIN32)
constexpr const char* kFolderCode = "FILE_UNREADABLE";  // it is not even opened there
#else
constexpr const char* kFolderCode = "INPUT_CHANGED";
#endif

void check_unreadable() {
  const Layout layout = one_copy(1000);
  for (const bool map : {true, false}) {
    const Folder folder;
    auto places = file_places(layout, folder);
    CHECK(code_of(layout, places, map).empty());
    places[0].path = folder.at("missing");
    CHECK(code_of(layout, places, map) == "FILE_UNREADABLE");
    places[0].path = folder.at(".");
    CHECK(code_of(layout, places, map) == kFolderCode);
    places[0].path = folder.at("longer");
    Bytes longer = layout.sources[0];
    longer.push_back(0);
    write_file(places[0].path, longer);
    CHECK(code_of(layout, places, map) == "INPUT_CHANGED");
  }
}

void check_unwritable() {
  const Layout layout = one_copy(1000);
  const Folder folder;
  auto places = file_places(layout, folder);
  places.back().path = folder.at("missing");
  CHECK(code_of(layout, places, true) == "open");
#if defined(__linux__)
  WireJob wire = read_words(words_of(layout.job(false)));
  places.back().path = "/dev/full";
  Job job(wire, places, {&scalar_table, true, false, 2});
  work_on(job, 2);
  job.finish();
  CHECK(job.failed() && job.error().code == "NO_SPACE" && job.failed_step() == 0);
#endif
}

void check_differing() {
  Layout layout(53);
  layout.step(Operation::copy, 0, 10, {0}, {});
  layout.step(Operation::same, 1, 200'000, {1, 1}, {}, true);
  layout.sources[1].back() ^= 1;
  const Folder folder;
  const auto places = file_places(layout, folder);
  CHECK(code_of(layout, places, true) == "TENSOR_DIFFERS");
  CHECK(code_of(layout, places, false) == "TENSOR_DIFFERS");
}

}  // namespace

int main() {
  check_same_as_memory();
  check_nowhere();
  check_whole();
  check_unreadable();
  check_unwritable();
  check_differing();
  return check_result();
}
