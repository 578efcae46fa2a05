// A mapping whose file is cut short: reads yield zeros and are remembered, on several threads at
// once and beside untouched mappings; faults elsewhere reach the handler that was there before. A
// job over such a file ends with INPUT_CHANGED.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csetjmp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "../platform/file.h"
#include "../targets/dispatch.h"
#include "check.h"
#include "job_steps.h"

using namespace weightloom;
using namespace weightloom_test;

namespace {

constexpr size_t kPage = 4096;
constexpr size_t kSize = 64 * kPage + 100;

sigjmp_buf elsewhere;
volatile sig_atomic_t passed_on = 0;

void former_handler(int) {
  passed_on = passed_on + 1;
  siglongjmp(elsewhere, 1);
}

class TemporaryFile {
 public:
  explicit TemporaryFile(size_t size) {
    path_ = (std::filesystem::temp_directory_path() / "weightloom-XXXXXX").string();
    const int descriptor = mkstemp(path_.data());
    if (descriptor < 0) std::abort();
    ::close(descriptor);
    std::ofstream(path_, std::ios::binary) << std::string(size, '\x11');
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }
  void cut(size_t size) const {
    if (::truncate(path_.c_str(), static_cast<off_t>(size)) != 0) std::abort();
  }

 private:
  std::string path_;
};

uint64_t sum_of(const uint8_t* bytes, size_t from, size_t to) {
  uint64_t sum = 0;
  for (size_t i = from; i < to; ++i) sum += static_cast<const volatile uint8_t*>(bytes)[i];
  return sum;
}

// What check() throws, as the operation that failed.
std::string found_by_check(const InputFile& file) {
  try {
    file.check();
    return "";
  } catch (const FileError& error) {
    return error.operation;
  }
}

void check_truncated() {
  const TemporaryFile file(kSize), other(kSize);
  const InputFile input(file.path(), kSize, true), untouched(other.path(), kSize, true);
  CHECK(sum_of(input.mapping(), 0, kSize) == 0x11 * kSize);
  CHECK(found_by_check(input).empty());
  file.cut(10 * kPage + 7);
  // What the file still has stays as it is; the rest of its last page is zero without any fault.
  CHECK(sum_of(input.mapping(), 0, 11 * kPage) == 0x11 * (10 * kPage + 7));
  CHECK(found_by_check(input).empty());
  CHECK(sum_of(input.mapping(), 40 * kPage, kSize) == 0);
  CHECK(found_by_check(input) == "size");
  CHECK(sum_of(input.mapping(), 0, kSize) == 0x11 * (10 * kPage + 7));
  CHECK(sum_of(untouched.mapping(), 0, kSize) == 0x11 * kSize);
  CHECK(found_by_check(untouched).empty());
}

void check_grown_again() {
  const TemporaryFile file(kSize);
  const InputFile input(file.path(), kSize, true);
  file.cut(0);
  CHECK(sum_of(input.mapping(), kSize - 1, kSize) == 0);
  file.cut(kSize);
  CHECK(found_by_check(input) == "size");
}

// Every byte that is read costs a hundred times as much under the thread sanitizer.
#if defined(__SANITIZE_THREAD__)
constexpr int kRounds = 2;
#else
constexpr int kRounds = 50;
#endif

void check_threads() {
  for (int round = 0; round < kRounds; ++round) {
    const TemporaryFile file(kSize);
    const InputFile input(file.path(), kSize, true);
    std::vector<std::thread> readers;
    std::atomic<int> right{0};
    for (size_t t = 0; t < 4; ++t) {
      readers.emplace_back([&, t] {
        for (size_t i = 0; i < 200; ++i) sum_of(input.mapping(), (t + i) % 64 * kPage, kSize);
        // Mappings come and go while others fault.
        const TemporaryFile own(kSize);
        const InputFile mine(own.path(), kSize, true);
        own.cut(kPage);
        const bool zeros = sum_of(mine.mapping(), 0, kSize) == 0x11 * kPage;
        if (zeros && found_by_check(mine) == "size") ++right;
      });
    }
    file.cut(0);
    for (std::thread& reader : readers) reader.join();
    CHECK(right == 4);
    CHECK(sum_of(input.mapping(), 0, kSize) == 0);
    CHECK(found_by_check(input) == "size");
  }
}

void check_passed_on() {
  const TemporaryFile file(kSize), guarded(kSize);
  const InputFile input(guarded.path(), kSize, true);
  const int descriptor = ::open(file.path().c_str(), O_RDONLY);
  void* const bare = ::mmap(nullptr, kSize, PROT_READ, MAP_PRIVATE, descriptor, 0);
  file.cut(0);
  if (sigsetjmp(elsewhere, 1) == 0) sum_of(static_cast<uint8_t*>(bare), 0, 1);
  CHECK(passed_on == 1);
  if (sigsetjmp(elsewhere, 1) == 0) ::raise(SIGBUS);
  CHECK(passed_on == 2);
  ::munmap(bare, kSize);
  ::close(descriptor);
}

// A step of each kind over sources that lose their ends once the job has opened them.
void check_jobs() {
  Layout layout(61);
  add_steps(layout, 0, false, 300'000);
  for (const bool map : {true, false}) {
    for (size_t cut = 0; cut < layout.sources.size(); ++cut) {
      std::vector<std::unique_ptr<TemporaryFile>> files;
      std::vector<Job::Place> places;
      for (const Bytes& source : layout.sources) {
        files.push_back(std::make_unique<TemporaryFile>(0));
        std::ofstream(files.back()->path(), std::ios::binary)
            .write(reinterpret_cast<const char*>(source.data()),
                   static_cast<std::streamsize>(source.size()));
        places.push_back({files.back()->path(), nullptr});
      }
      files.push_back(std::make_unique<TemporaryFile>(0));
      places.push_back({files.back()->path(), nullptr});
      WireJob wire = read_words(words_of(layout.job(false)));
      Job job(wire, places, {runnable_targets()[0], map, false, 3});
      files[cut]->cut(layout.sources[cut].size() / 2);
      work_on(job, 3);
      job.finish();
      CHECK(job.failed());
      CHECK(job.error().code == "INPUT_CHANGED");
      CHECK(job.error().message.find(files[cut]->path()) != std::string::npos);
    }
  }
}

}  // namespace

int main() {
  struct sigaction former = {};
  former.sa_handler = former_handler;
  ::sigaction(SIGBUS, &former, nullptr);
  check_truncated();
  check_grown_again();
  check_threads();
  check_passed_on();
  check_jobs();
  return check_result();
}
