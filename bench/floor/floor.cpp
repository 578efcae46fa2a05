// The least that a merge costs on this machine: plain threaded programs that move the same bytes and
// compute nothing. Reads one command a line from stdin, fields parted by tabs, and answers with the
// seconds it took:
//
//   copy   THREADS BYTES                       memcpy: reads BYTES, writes BYTES
//   sum    THREADS BYTES                       reads BYTES
//   map    THREADS BYTES INPUTS                reads INPUTS arrays of BYTES, writes their xor
//   files  THREADS READ WRITE RESERVE SYNC OUT IN...
//          reads every IN and writes as many bytes as the first has to OUT; READ is pread, mmap,
//          ahead (mapped, each chunk populated before it is read), populate (mapped, all populated
//          at once) or skip; WRITE is pwrite, mmap or skip; RESERVE and SYNC are 0 or 1
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using Fields = std::vector<std::string>;

// Bytes of a file that a thread takes at a time; one buffer for each thread stays in its L2 cache.
constexpr size_t kChunk = size_t{256} << 10;

std::atomic<uint64_t> sink;  // Keeps sums from being optimized away.

[[noreturn]] void fail(const std::string& what) {
  std::perror(what.c_str());
  std::exit(1);
}

void check(bool fine, const std::string& what) {
  if (!fine) fail(what);
}

uint64_t sum(const uint8_t* from, size_t bytes) {
  uint64_t total[8] = {};
  const size_t words = bytes / sizeof(total);
  for (size_t i = 0; i < words; ++i) {
    uint64_t line[8];
    std::memcpy(line, from + i * sizeof(line), sizeof(line));
    for (size_t lane = 0; lane < 8; ++lane) total[lane] += line[lane];
  }
  uint64_t all = 0;
  for (const uint64_t lane : total) all += lane;
  return all;
}

double seconds(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void on_threads(size_t threads, const std::function<void(size_t)>& body) {
  std::vector<std::thread> others;
  for (size_t t = 1; t < threads; ++t) others.emplace_back(body, t);
  body(0);
  for (std::thread& each : others) each.join();
}

// Memory that is touched once and kept for the next command.
class Arena {
 public:
  uint8_t* take(size_t bytes) {
    if (bytes > size_) {
      memory_.reset();
      memory_.reset(static_cast<uint8_t*>(std::aligned_alloc(4096, (bytes + 4095) & ~size_t{4095})));
      check(memory_ != nullptr, "memory");
      std::memset(memory_.get(), 1, bytes);
      size_ = bytes;
    }
    return memory_.get();
  }

 private:
  struct Free {
    void operator()(uint8_t* memory) const { std::free(memory); }
  };
  std::unique_ptr<uint8_t, Free> memory_;
  size_t size_ = 0;
};

double copy(const Fields& fields, Arena& from, Arena& to) {
  const size_t threads = std::stoul(fields[1]);
  const size_t bytes = std::stoull(fields[2]);
  const uint8_t* in = from.take(bytes);
  uint8_t* out = to.take(bytes);
  return seconds([&] {
    on_threads(threads, [&](size_t t) {
      const size_t begin = bytes * t / threads;
      std::memcpy(out + begin, in + begin, bytes * (t + 1) / threads - begin);
    });
  });
}

double sum(const Fields& fields, Arena& from) {
  const size_t threads = std::stoul(fields[1]);
  const size_t bytes = std::stoull(fields[2]);
  const uint8_t* in = from.take(bytes);
  return seconds([&] {
    on_threads(threads, [&](size_t t) {
      const size_t begin = bytes * t / threads;
      sink += sum(in + begin, bytes * (t + 1) / threads - begin);
    });
  });
}

#if defined(__SSE2__)
using Lane = __m128i;
void store_past_cache(Lane* to, Lane value) { _mm_stream_si128(to, value); }
#else
using Lane = uint64_t;
void store_past_cache(Lane* to, Lane value) { *to = value; }
#endif

// Fixed numbers of inputs, so that the loop over them is unrolled.
template <size_t kInputs>
void xor_lanes(const uint8_t* in, uint8_t* out, size_t stride, size_t begin, size_t end) {
  for (size_t at = begin; at < end; at += sizeof(Lane)) {
    Lane value = *reinterpret_cast<const Lane*>(in + at);
    for (size_t i = 1; i < kInputs; ++i) {
      value ^= *reinterpret_cast<const Lane*>(in + i * stride + at);
    }
    store_past_cache(reinterpret_cast<Lane*>(out + at), value);
  }
}

double map(const Fields& fields, Arena& from, Arena& to) {
  const size_t threads = std::stoul(fields[1]);
  const size_t bytes = std::stoull(fields[2]) & ~size_t{4095};
  const size_t inputs = std::stoul(fields[3]);
  constexpr void (*kLoops[])(const uint8_t*, uint8_t*, size_t, size_t, size_t) = {
      xor_lanes<1>, xor_lanes<2>, xor_lanes<3>, xor_lanes<4>};
  check(inputs >= 1 && inputs <= 4, "inputs");
  const uint8_t* in = from.take(inputs * bytes);
  uint8_t* out = to.take(bytes);
  return seconds([&] {
    on_threads(threads, [&](size_t t) {
      const size_t pages = bytes / 4096;
      kLoops[inputs - 1](in, out, bytes, pages * t / threads * 4096,
                         pages * (t + 1) / threads * 4096);
    });
  });
}

struct File {
  int descriptor = -1;
  size_t size = 0;
  uint8_t* mapping = nullptr;

  File() = default;
  File(File&& other) noexcept
      : descriptor(std::exchange(other.descriptor, -1)),
        size(other.size),
        mapping(std::exchange(other.mapping, nullptr)) {}
  ~File() {
    if (mapping != nullptr) ::munmap(mapping, size);
    if (descriptor >= 0) ::close(descriptor);
  }
  void map(int protection, int flags) {
    void* address = ::mmap(nullptr, size, protection, flags, descriptor, 0);
    check(address != MAP_FAILED, "mmap");
    mapping = static_cast<uint8_t*>(address);
  }
};

File open_input(const std::string& path, const std::string& how) {
  File file;
  file.descriptor = ::open(path.c_str(), O_RDONLY);
  check(file.descriptor >= 0, path);
  struct stat status;
  check(::fstat(file.descriptor, &status) == 0, path);
  file.size = static_cast<size_t>(status.st_size);
  if (how == "mmap" || how == "ahead") file.map(PROT_READ, MAP_PRIVATE);
  if (how == "populate") file.map(PROT_READ, MAP_PRIVATE | MAP_POPULATE);
  return file;
}

File create_output(const std::string& path, size_t size, const std::string& how, bool reserve) {
  File file;
  file.size = size;
  file.descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0666);
  check(file.descriptor >= 0, path);
  if (reserve) check(::posix_fallocate(file.descriptor, 0, static_cast<off_t>(size)) == 0, path);
  check(::ftruncate(file.descriptor, static_cast<off_t>(size)) == 0, path);
  if (how == "mmap") file.map(PROT_READ | PROT_WRITE, MAP_SHARED);
  return file;
}

void put(const File& out, const uint8_t* data, const Fields& fields, size_t at, size_t bytes,
         bool writes) {
  if (!writes) return;
  if (fields[3] == "pwrite") {
    check(::pwrite(out.descriptor, data, bytes, static_cast<off_t>(at)) == ssize_t(bytes),
          "pwrite");
  } else if (fields[3] == "mmap") {
    std::memcpy(out.mapping + at, data, bytes);
  }
}

void transfer(const File& in, const File& out, const Fields& fields, size_t at, size_t bytes,
              bool writes, std::vector<uint8_t>& buffer) {
  const std::string& read = fields[2];
  const uint8_t* data = in.mapping == nullptr ? buffer.data() : in.mapping + at;
  if (read == "pread") {
    check(::pread(in.descriptor, buffer.data(), bytes, static_cast<off_t>(at)) == ssize_t(bytes),
          "pread");
    return put(out, buffer.data(), fields, at, bytes, writes);
  }
  if (read == "ahead") ::madvise(in.mapping + at, bytes, MADV_POPULATE_READ);
  if (read != "skip" && !(writes && fields[3] != "skip")) {
    sink += sum(data, bytes);
  }
  put(out, data, fields, at, bytes, writes);
}

double files(const Fields& fields) {
  const size_t threads = std::stoul(fields[1]);
  return seconds([&] {
    std::vector<File> inputs;
    for (size_t i = 7; i < fields.size(); ++i) inputs.push_back(open_input(fields[i], fields[2]));
    const size_t size = inputs[0].size;
    const File output = create_output(fields[6], size, fields[3], fields[4] == "1");
    std::atomic<size_t> next{0};
    on_threads(threads, [&](size_t) {
      std::vector<uint8_t> buffer(kChunk);
      for (size_t at = next.fetch_add(kChunk); at < size; at = next.fetch_add(kChunk)) {
        for (size_t i = inputs.size(); i-- > 0;) {
          if (at >= inputs[i].size) continue;
          const size_t bytes = std::min(kChunk, inputs[i].size - at);
          transfer(inputs[i], output, fields, at, bytes, i == 0, buffer);
        }
      }
    });
    if (fields[5] == "1") check(::fsync(output.descriptor) == 0, "fsync");
  });
}

Fields split(const std::string& line) {
  Fields fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, '\t');) fields.push_back(field);
  return fields;
}

}  // namespace

int main() {
  Arena from;
  Arena to;
  for (std::string line; std::getline(std::cin, line);) {
    const Fields fields = split(line);
    double took = 0;
    if (fields[0] == "copy") {
      took = copy(fields, from, to);
    } else if (fields[0] == "sum") {
      took = sum(fields, from);
    } else if (fields[0] == "map") {
      took = map(fields, from, to);
    } else if (fields[0] == "files" && fields.size() > 7) {
      took = files(fields);
    } else {
      std::cerr << "unknown command: " << line << '\n';
      return 1;
    }
    std::printf("%.9f\n", took);
    std::fflush(stdout);
  }
}
