// What a worker needs to run one block of one step: memory of its own, views of the inputs, and a
// place for the output. A block is 65,536 consecutive elements of a tensor.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "../platform/file.h"
#include "../targets/table.h"
#include "hash.h"
#include "rank.h"
#include "select.h"
#include "stream.h"
#include "torch_stream.h"
#include "wire.h"

namespace weightloom {

// Memory of one worker thread, by slot; grows to the largest request and is kept between blocks.
class Scratch {
 public:
  template <class T>
  T* take(size_t slot, size_t count) {
    return static_cast<T*>(bytes(slot, count * sizeof(T)));
  }
  RowRanker& ranker() {
    if (ranker_ == nullptr) ranker_ = std::make_unique<RowRanker>();
    return *ranker_;
  }
  // Memory of a nested step that makes input `i`.
  Scratch& nested(size_t i);
  // Which nested step's block lies in kOutSlot; owner 0: none.
  struct Held {
    uint64_t owner = 0, block = 0;
  };
  Held& held() { return held_; }
  // Output of the blocks that a worker takes at once, as far as it lies in one piece of memory and
  // is not written yet.
  struct Run {
    uint64_t first = 0;  // block of the run
    uint64_t block = 0;  // first block of the piece
    const uint8_t* built = nullptr;
    size_t bytes = 0;
  };
  Run& run() { return run_; }

 private:
  void* bytes(size_t slot, size_t count);

  struct Room {
    std::unique_ptr<uint8_t[]> memory;
    size_t size = 0;
  };
  std::vector<Room> rooms_;
  std::unique_ptr<RowRanker> ranker_;
  std::vector<std::unique_ptr<Scratch>> nested_;
  Held held_;
  Run run_;
};

// Blocks that a worker takes at once, at most: half a MiB of 16-bit output, which stays in L2.
constexpr uint64_t kRunBlocks = kMostMessages;

// Slots of Scratch; input i of a step uses kInputSlots + 2 * i (stored bytes) and + 1 (f32 tile).
enum Slot : size_t {
  kOutSlot,
  kOutTileSlot,
  kMaskSlot,
  kSpareMaskSlot,
  kBlockMaskSlot,
  kBinSlot,
  kMagnitudeSlot,
  kWordSlot,
  kFactorSlot,
  kRowSlot,
  kJoinSlot,
  kInputSlots,
};

// Of one stored element.
constexpr int kCodecBytes[kAllCodecs] = {4, 2, 2, 1, 1};

struct Source {
  const uint8_t* memory = nullptr;
  std::unique_ptr<InputFile> file;
};

// Without memory and file the output is nowhere.
struct Output {
  uint8_t* memory = nullptr;
  std::unique_ptr<OutputFile> file;
  uint64_t steps_left = 0;
};

// What the steps of a job share.
struct JobState {
  std::vector<Source> sources;
  std::vector<Output> outputs;
  const KernelTable* kernels;
  TorchStream stream;
  std::vector<Threshold> thresholds;
  std::atomic<uint64_t> bytes_done{0};
  std::atomic<uint64_t> nested_made{0};
  std::atomic<int64_t> spare_memory{0};
};

class Nested;
// By position in the job's list.
using NestedSteps = std::map<uint32_t, std::unique_ptr<Nested>>;

struct Range {
  uint64_t index;  // of the block
  uint64_t first;  // element
  size_t n;        // elements
};

// Inputs of one tile in a common codec, and where its results go.
struct Tile {
  int codec;
  std::vector<const void*> inputs;
  void* out;
  size_t at;  // first element, counted from the block's start
  size_t n;
  bool past_cache;  // how `out` is best stored
};

// One step of a running job: its description, its files, and what its blocks have reported.
class StepIo {
 public:
  // `nested`: those that the step needs; they may come later. `on_demand`: the step is one itself.
  StepIo(const WireStep& step, JobState& state, const NestedSteps& nested, bool on_demand);

  const WireStep& step() const { return step_; }
  const KernelTable& kernels() const { return *state_.kernels; }
  TorchStream& stream() const { return state_.stream; }
  // Thresholds over whole models, which the job's census has found.
  std::vector<Threshold>& thresholds() const { return state_.thresholds; }
  uint64_t block_count() const { return (step_.count + kBlock - 1) / kBlock; }
  Range range(uint64_t block) const;
  uint64_t bytes_of(uint64_t elements) const { return (elements * step_.bits + 7) / 8; }

  // The stored elements of input `i` in the range, mapped or read into scratch.
  const uint8_t* input(size_t i, const Range& range, Scratch& scratch) const;
  // The same, copied or read into `into`.
  void copy_input(size_t i, const Range& range, uint8_t* into) const;
  // Throws when a mapped input turned out to be cut short: what was made of it is worthless.
  void check_inputs() const;
  // Where the range's output may be built: the destination itself for memory, else scratch.
  uint8_t* begin_output(const Range& range, Scratch& scratch) const;
  // Whether the output lies in memory and is too large for the caches.
  bool is_streamed() const {
    return !on_demand_ && output().memory != nullptr && bytes_of(step_.count) >= kStreamedBytes;
  }
  // Whether the output is written from wherever it was built.
  bool to_file() const { return !on_demand_ && output().file != nullptr; }
  // The range's output is built.
  void end_output(const Range& range, const uint8_t* built, Scratch& scratch);
  // Around the up to kRunBlocks blocks from `first` on that a worker takes at once: their output is
  // hashed and written together, as each write of a file waits for all others.
  void begin_run(uint64_t first, Scratch& scratch) const;
  void end_run(Scratch& scratch);

  // Hashes and writes whole blocks that were built elsewhere; the range may hold many.
  void put_blocks(const Range& range, const uint8_t* built);
  // The codec that these inputs, and with `with_output` the output, have in common; -1 when they
  // have none, or one that no kernel is fused for.
  int common_codec(const std::vector<size_t>& inputs, bool with_output) const;

  // Cuts the range into tiles of at most `tile` elements and calls `body` with the chosen inputs
  // as pointers of one fused codec: the stored bytes when they and the output agree, else f32
  // tiles.
  void for_tiles(const Range& range, size_t tile, const std::vector<size_t>& inputs, uint8_t* out,
                 Scratch& scratch, const std::function<void(const Tile&)>& body) const;

  // The magnitude from which an encoded result is not finite.
  float limit() const;
  uint64_t digest() const;
  void add_nonfinite(const Nonfinite& seen);
  Nonfinite nonfinite() const;
  // Takes from the job's spare memory; false when it has not so much.
  bool take_spare(size_t bytes) const;
  void return_spare(size_t bytes) const;
  void report(uint64_t bytes) const {
    state_.bytes_done.fetch_add(bytes, std::memory_order_relaxed);
  }

 private:
  // Where a range of an input is: in memory, or null for a file that is read.
  struct Stored {
    const uint8_t* memory;
    uint64_t offset;
    size_t bytes;
  };
  Stored stored(size_t i, const Range& range) const;
  const Output& output() const { return state_.outputs[step_.output]; }
  void write_blocks(uint64_t block, const uint8_t* built, size_t bytes);

  const WireStep& step_;
  JobState& state_;
  const NestedSteps& nested_;
  bool on_demand_;
  std::vector<uint64_t> digests_;
  std::atomic<uint64_t> counters_[4] = {};
};

}  // namespace weightloom
