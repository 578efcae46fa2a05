// Kernels of a GPU on data that lies in its memory, against copies within it that move as many
// bytes: the goals are 0.9 of a copy's bandwidth for linear, slerp's map pass and task_arithmetic,
// and 0.5 for ties and dare_ties.
//
//   cuda_kernels_bench [--size MB] [--rounds N] [--device N] [--streams N] [--json FILE] [--quick]
//
// --size: of each of four bf16 arrays, 256 MiB unless told. --streams: how many take turns with the
// chunks; 1 unless told, up to 8 in a merge. --quick: do all passes run, and are they right?
//
// Bytes are those of every array that a kernel reads or writes, once for each kernel: inputs and
// output, and the keys and masks between kernels, which a GPU may find in its cache. "tensors" is
// the share of the copy when inputs and output alone are counted, once for each time that a step
// goes over them: the stricter figure. A copy of n bytes reads n and writes n.
// Kernels, grids and chunks are those of a merge whose lanes have 32 MiB. A pass is timed by the
// host's clock from its first launch until its streams are done; passes and copies take turns
// within every round, after one round that does not count. Shares are medians over the rounds.
// Before that, one chunk of each pass is compared bit for bit with the scalar kernels of the CPU.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../../native/cuda/library.h"
#include "passes.h"

using namespace weightloom;
using namespace weightloom_bench;

namespace {

struct Options {
  uint64_t size = 256;
  int rounds = 7, device = 0;
  size_t streams = 1;
  std::string json;
  bool quick = false;
};

// A pass, or with several the whole of a method.
struct Row {
  std::string name;
  double goal;
  uint64_t bytes, tensor_bytes;
  std::vector<double> seconds, copies;  // of the rounds
};

struct Figure {
  double median, least, most;
};

using Copy = cuda::Result(WEIGHTLOOM_CUDA_CALL*)(cuda::DevicePointer to, cuda::DevicePointer from,
                                                 size_t bytes, cuda::Handle stream);

Figure figure(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {median, values.front(), values.back()};
}

Figure rate(uint64_t bytes, const std::vector<double>& seconds) {
  std::vector<double> rates;
  for (const double each : seconds) rates.push_back(static_cast<double>(bytes) / each / 1e9);
  return figure(rates);
}

// Of the bandwidth of copies that move row.bytes, when the pass is said to move `bytes`.
Figure share(const Row& row, uint64_t bytes) {
  std::vector<double> shares;
  const double part = static_cast<double>(bytes) / static_cast<double>(row.bytes);
  for (size_t i = 0; i < row.seconds.size(); ++i) {
    shares.push_back(part * row.copies[i] / row.seconds[i]);
  }
  return figure(shares);
}

// The one call that only this program makes.
Copy find_copy(const cuda::FoundDriver& found) {
  const bool named = std::getenv("WEIGHTLOOM_CUDA_DRIVER") != nullptr;
  const cuda::Library library = cuda::open_library(found.library, !named);
  void* const symbol = cuda::find_symbol(library, "cuMemcpyDtoDAsync_v2");
  if (symbol == nullptr) throw JobError{"DEVICE", "the driver has no cuMemcpyDtoDAsync_v2"};
  Copy copy;
  std::memcpy(&copy, &symbol, sizeof(copy));
  return copy;
}

template <class Body>
double seconds_of(Body body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void run_pass(Arrays& arrays, const Pass& pass) {
  for (const Step& step : pass.steps) {
    for_chunks(arrays, pass.chunk, step.enqueue);
    arrays.finish();
  }
}

// Copies inputs onto the output until as many bytes were read and written.
void run_copy(Arrays& arrays, Copy copy, uint64_t bytes) {
  size_t input = 0;
  for (uint64_t left = bytes / 2; left > 0;) {
    const uint64_t part = std::min(left, arrays.bytes());
    const cuda::Handle stream = arrays.room(0).lane.stream();
    arrays.device().check(copy(arrays.out(), arrays.input(input), part, stream), "copying");
    input = (input + 1) % kInputs;
    left -= part;
  }
  arrays.finish();
}

// One chunk from the middle.
bool check_pass(Arrays& arrays, const Pass& pass) {
  const uint64_t chunks = (arrays.elements() + pass.chunk - 1) / pass.chunk;
  const uint64_t first = chunks / 2 * pass.chunk;
  const Range range{first / kBlock, first,
                    static_cast<size_t>(std::min(pass.chunk, arrays.elements() - first))};
  bool right = true;
  for (const Step& step : pass.steps) {
    Room& room = arrays.room(0);
    room.clear();
    step.enqueue(range, room);
    arrays.finish();
    HostChunk host(arrays, range);
    right &= step.check(range, arrays.on_device(range, room), host.view());
  }
  if (!right)
    std::printf("%s %s: not what the CPU makes\n", pass.method.c_str(), pass.name.c_str());
  return right;
}

std::vector<Pass> all_passes(Arrays& arrays) {
  std::vector<Pass> passes{linear_pass(arrays)};
  const auto add = [&](const std::vector<Pass>& more) {
    passes.insert(passes.end(), more.begin(), more.end());
  };
  add(slerp_passes(arrays));
  add({task_pass(arrays)});
  add(ties_passes(arrays));
  add(dare_passes(arrays));
  return passes;
}

std::vector<Row> time_passes(Arrays& arrays, const std::vector<Pass>& passes, Copy copy,
                             int rounds) {
  std::vector<Row> rows;
  for (const Pass& pass : passes) {
    const uint64_t n = arrays.elements();
    const std::string part = pass.name.empty() ? "" : ": " + pass.name;
    rows.push_back(
        {pass.method + part, pass.goal, n * pass.bits / 8, n * pass.tensor_bits / 8, {}, {}});
  }
  for (int round = 0; round <= rounds; ++round) {
    for (size_t i = 0; i < rows.size(); ++i) {
      const double copied = seconds_of([&] { run_copy(arrays, copy, rows[i].bytes); });
      const double passed = seconds_of([&] { run_pass(arrays, passes[i]); });
      if (round == 0) continue;
      rows[i].copies.push_back(copied);
      rows[i].seconds.push_back(passed);
    }
  }
  return rows;
}

void add_up(Row& sum, const Row& row) {
  sum.bytes += row.bytes;
  sum.tensor_bytes += row.tensor_bytes;
  for (size_t i = 0; i < row.seconds.size(); ++i) {
    sum.seconds[i] += row.seconds[i];
    sum.copies[i] += row.copies[i];
  }
}

// After the passes of a method, where it has several, the method as a whole.
std::vector<Row> with_methods(const std::vector<Pass>& passes, const std::vector<Row>& rows) {
  std::vector<Row> out;
  for (size_t i = 0; i < rows.size();) {
    Row whole{passes[i].method, 0, 0, 0, {}, {}};
    whole.seconds.resize(rows[i].seconds.size());
    whole.copies = whole.seconds;
    const size_t first = i;
    for (; i < rows.size() && passes[i].method == whole.name; ++i) {
      out.push_back(rows[i]);
      add_up(whole, rows[i]);
    }
    if (i - first == 1) continue;
    if (whole.name != "slerp") whole.goal = 0.5;
    whole.name += ", all";
    out.push_back(whole);
  }
  return out;
}

std::string verdict(const Row& row) {
  if (row.goal == 0) return "";
  char text[64];
  const bool reached = share(row, row.bytes).median >= row.goal;
  std::snprintf(text, sizeof(text), "%.2f, %s", row.goal, reached ? "reached" : "missed");
  return text;
}

void print_rows(const std::vector<Row>& rows, bool quick) {
  std::printf("%-28s %9s %19s %9s %6s %8s  %s\n", "pass", "GB/s", "least .. most", "copy", "share",
              "tensors", "goal");
  for (const Row& row : rows) {
    const Figure own = rate(row.bytes, row.seconds), copy = rate(row.bytes, row.copies);
    std::printf("%-28s %9.1f %8.1f .. %7.1f %9.1f %6.2f %8.2f  %s\n", row.name.c_str(), own.median,
                own.least, own.most, copy.median, share(row, row.bytes).median,
                share(row, row.tensor_bytes).median, quick ? "" : verdict(row).c_str());
  }
}

void write_figure(std::FILE* file, const char* name, const Figure& f) {
  std::fprintf(file, ", \"%s\": {\"median\": %.9g, \"min\": %.9g, \"max\": %.9g}", name, f.median,
               f.least, f.most);
}

void write_json(const Options& options, const cuda::Device& device, const std::vector<Row>& rows) {
  std::FILE* const file = std::fopen(options.json.c_str(), "w");
  if (file == nullptr) throw JobError{"OUTPUT", "cannot write " + options.json};
  std::fprintf(file,
               "{\n  \"device\": \"%s\", \"capability\": %d, \"image\": \"%s\", \"driver\": %d,\n"
               "  \"arrayBytes\": %llu, \"rounds\": %d, \"streams\": %zu,\n  \"passes\": [\n",
               device.facts().name.c_str(), device.facts().capability, device.image().c_str(),
               device.driver().version, static_cast<unsigned long long>(options.size << 20),
               options.rounds, options.streams);
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    std::fprintf(file, "    {\"name\": \"%s\", \"bytes\": %llu, \"tensorBytes\": %llu",
                 row.name.c_str(), static_cast<unsigned long long>(row.bytes),
                 static_cast<unsigned long long>(row.tensor_bytes));
    if (row.goal > 0) std::fprintf(file, ", \"goal\": %g", row.goal);
    write_figure(file, "seconds", figure(row.seconds));
    write_figure(file, "gigabytesPerSecond", rate(row.bytes, row.seconds));
    write_figure(file, "copyGigabytesPerSecond", rate(row.bytes, row.copies));
    write_figure(file, "share", share(row, row.bytes));
    write_figure(file, "tensorShare", share(row, row.tensor_bytes));
    std::fprintf(file, "}%s\n", i + 1 < rows.size() ? "," : "");
  }
  std::fprintf(file, "  ]\n}\n");
  if (std::fclose(file) != 0) throw JobError{"OUTPUT", "cannot write " + options.json};
}

int run(const Options& options) {
  const cuda::FoundDriver& found = cuda::find_driver();
  if (found.driver == nullptr) throw JobError{"NO_GPU", found.reason};
  const cuda::Device& device = cuda::device_at(*found.driver, options.device);
  const Copy copy = find_copy(found);
  device.enter();
  const uint64_t bytes = options.size << 20;
  Arrays arrays(device, bytes, options.streams, most_elements(bytes / 2));
  const std::vector<Pass> passes = all_passes(arrays);
  const auto right = std::count_if(passes.begin(), passes.end(),
                                   [&](const Pass& pass) { return check_pass(arrays, pass); });
  if (static_cast<size_t>(right) != passes.size()) return 1;
  std::printf("%s, %s, arrays of %llu MiB, %zu stream(s), rounds: %d; all %zu passes are right\n",
              device.facts().name.c_str(), device.image().c_str(),
              static_cast<unsigned long long>(options.size), options.streams, options.rounds,
              passes.size());
  const auto rows = with_methods(passes, time_passes(arrays, passes, copy, options.rounds));
  print_rows(rows, options.quick);
  if (!options.json.empty()) write_json(options, device, rows);
  return 0;
}

// A whole number from `least` to `most`; -1 for anything else.
long number(const char* text, long least, long most) {
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  return *text == '\0' || *end != '\0' || value < least || value > most ? -1 : value;
}

bool take_option(Options& options, const std::string& name, const char* value) {
  if (name == "--json") {
    options.json = value;
    return true;
  }
  long taken = -1;
  if (name == "--size") options.size = static_cast<uint64_t>(taken = number(value, 1, 1L << 20));
  if (name == "--rounds") options.rounds = static_cast<int>(taken = number(value, 1, 1000));
  if (name == "--device") options.device = static_cast<int>(taken = number(value, 0, 1000));
  if (name == "--streams") options.streams = static_cast<size_t>(taken = number(value, 1, 8));
  return taken >= 0;
}

bool read_options(int count, char** arguments, Options& options) {
  for (int i = 1; i < count; ++i) {
    const std::string name = arguments[i];
    if (name == "--quick") {
      options.quick = true;
      options.size = 2;
      options.rounds = 1;
      continue;
    }
    if (i + 1 == count || !take_option(options, name, arguments[++i])) return false;
  }
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  Options options;
  if (!read_options(count, arguments, options)) {
    std::printf(
        "usage: cuda_kernels_bench [--size MB] [--rounds N] [--device N] [--streams N]\n"
        "                          [--json FILE] [--quick]\n");
    return 2;
  }
  try {
    return run(options);
  } catch (const JobError& error) {
    std::printf("%s: %s\n", error.code.c_str(), error.message.c_str());
    return 1;
  }
}
