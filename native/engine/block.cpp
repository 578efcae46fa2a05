#include "block.h"

#include <algorithm>
#include <cstring>

#include "../simd/past_cache.h"
#include "nested.h"

namespace weightloom {
namespace {

// Rooms start at different distances from a page, so that equal offsets do not share cache sets.
constexpr size_t kStagger = 320;

}  // namespace

void* Scratch::bytes(size_t slot, size_t count) {
  if (rooms_.size() <= slot) rooms_.resize(slot + 1);
  Room& room = rooms_[slot];
  const size_t want = count + 64 + kStagger * (slot % 8);
  if (room.size < want) {
    room.memory.reset();
    room.memory.reset(new uint8_t[want]);
    room.size = want;
  }
  const auto address = reinterpret_cast<uintptr_t>(room.memory.get());
  const uintptr_t aligned = (address + 63) & ~uintptr_t{63};
  return reinterpret_cast<void*>(aligned + (kStagger * (slot % 8) & ~size_t{63}));
}

Scratch& Scratch::nested(size_t i) {
  if (nested_.size() <= i) nested_.resize(i + 1);
  if (nested_[i] == nullptr) nested_[i] = std::make_unique<Scratch>();
  return *nested_[i];
}

StepIo::StepIo(const WireStep& step, JobState& state, const NestedSteps& nested, bool on_demand)
    : step_(step),
      state_(state),
      nested_(nested),
      on_demand_(on_demand),
      digests_(on_demand ? 0 : block_count()) {}

Range StepIo::range(uint64_t block) const {
  const uint64_t first = block * kBlock;
  return {block, first, static_cast<size_t>(std::min(kBlock, step_.count - first))};
}

StepIo::Stored StepIo::stored(size_t i, const Range& range) const {
  const WireInput& input = step_.inputs[i];
  const bool bytes_only = step_.operation == Operation::copy ||
                          step_.operation == Operation::same || step_.codec == kNoCodec;
  const uint64_t bits = bytes_only ? step_.bits : 8u * kCodecBytes[input.codec];
  const uint64_t at = input.offset + range.first * bits / 8;
  const size_t bytes = static_cast<size_t>((range.n * bits + 7) / 8);
  const Source& source = state_.sources[input.source];
  if (source.memory != nullptr) return {source.memory + at, at, bytes};
  if (source.file->mapping() != nullptr) return {source.file->mapping() + at, at, bytes};
  return {nullptr, at, bytes};
}

const uint8_t* StepIo::input(size_t i, const Range& range, Scratch& scratch) const {
  const WireInput& input = step_.inputs[i];
  if (input.nested != kNotNested) {
    return nested_.at(input.nested)->produce(range, scratch.nested(i));
  }
  const Stored of = stored(i, range);
  if (of.memory != nullptr) return of.memory;
  auto* room = scratch.take<uint8_t>(kInputSlots + 2 * i, of.bytes);
  state_.sources[input.source].file->read(room, of.offset, of.bytes);
  return room;
}

void StepIo::copy_input(size_t i, const Range& range, uint8_t* into) const {
  const Stored of = stored(i, range);
  if (of.memory != nullptr) {
    std::memcpy(into, of.memory, of.bytes);
  } else {
    state_.sources[step_.inputs[i].source].file->read(into, of.offset, of.bytes);
  }
}

void StepIo::check_inputs() const {
  for (const WireInput& input : step_.inputs) {
    if (input.nested != kNotNested) {
      nested_.at(input.nested)->io().check_inputs();
      continue;
    }
    const Source& source = state_.sources[input.source];
    if (source.file != nullptr) source.file->check();
  }
}

uint8_t* StepIo::begin_output(const Range& range, Scratch& scratch) const {
  const auto block_bytes = static_cast<size_t>(bytes_of(kBlock));
  if (on_demand_) return scratch.take<uint8_t>(kOutSlot, block_bytes);
  if (output().memory != nullptr) return output().memory + step_.offset + bytes_of(range.first);
  auto* room = scratch.take<uint8_t>(kOutSlot, kRunBlocks * block_bytes);
  return room + (range.index - scratch.run().first) * block_bytes;
}

void StepIo::end_output(const Range& range, const uint8_t* built, Scratch& scratch) {
  if (on_demand_) return;
  const auto bytes = static_cast<size_t>(bytes_of(range.n));
  if (output().memory != nullptr) {
    if (is_streamed()) end_streams();
    return report(bytes);
  }
  Scratch::Run& run = scratch.run();
  if (run.bytes == 0 || run.built + run.bytes != built) {
    end_run(scratch);
    run.block = range.index;
    run.built = built;
  }
  run.bytes += bytes;
}

void StepIo::begin_run(uint64_t first, Scratch& scratch) const { scratch.run() = {.first = first}; }

void StepIo::end_run(Scratch& scratch) {
  Scratch::Run& run = scratch.run();
  if (run.bytes == 0) return;
  write_blocks(run.block, run.built, run.bytes);
  run.bytes = 0;
}

void StepIo::put_blocks(const Range& range, const uint8_t* built) {
  const auto bytes = static_cast<size_t>(bytes_of(range.n));
  if (output().memory == nullptr) return write_blocks(range.index, built, bytes);
  std::memcpy(output().memory + step_.offset + bytes_of(range.first), built, bytes);
  report(bytes);
}

void StepIo::write_blocks(uint64_t block, const uint8_t* built, size_t bytes) {
  const auto block_bytes = static_cast<size_t>(bytes_of(kBlock));
  const size_t whole = bytes / block_bytes, rest = bytes % block_bytes;
  for (size_t first = 0; first < whole; first += kRunBlocks) {
    const size_t count = std::min<size_t>(kRunBlocks, whole - first);
    const uint8_t* blocks[kRunBlocks];
    for (size_t i = 0; i < count; ++i) blocks[i] = built + (first + i) * block_bytes;
    xxh64(kernels(), blocks, count, block_bytes, 0, &digests_[block + first]);
  }
  if (rest > 0) digests_[block + whole] = xxh64(built + whole * block_bytes, rest, 0);
  if (output().file != nullptr) {
    output().file->write(built, step_.offset + block * block_bytes, bytes);
  }
  report(bytes);
}

int StepIo::common_codec(const std::vector<size_t>& inputs, bool with_output) const {
  const int codec = with_output ? step_.codec : step_.inputs[inputs[0]].codec;
  if (codec >= kFusedCodecs) return -1;
  for (const size_t i : inputs) {
    if (step_.inputs[i].codec != codec) return -1;
  }
  return codec;
}

void StepIo::for_tiles(const Range& range, size_t tile, const std::vector<size_t>& inputs,
                       uint8_t* out, Scratch& scratch,
                       const std::function<void(const Tile&)>& body) const {
  const int common = common_codec(inputs, out != nullptr);
  const bool fused = common >= 0;
  const size_t step = fused ? tile : std::min(tile, kTile);
  const int out_bytes = kCodecBytes[step_.codec];
  std::vector<const uint8_t*> stored;
  for (const size_t i : inputs) stored.push_back(input(i, range, scratch));
  const bool past_cache = fused && out != nullptr && is_streamed() &&
                          reinterpret_cast<uintptr_t>(out) % kPastCacheBytes == 0;
  Tile view{.codec = fused ? common : 0,
            .inputs = std::vector<const void*>(inputs.size()),
            .out = nullptr,
            .at = 0,
            .n = 0,
            .past_cache = past_cache};
  for (view.at = 0; view.at < range.n; view.at += step) {
    view.n = std::min(step, range.n - view.at);
    for (size_t k = 0; k < inputs.size(); ++k) {
      const int codec = step_.inputs[inputs[k]].codec;
      const uint8_t* at = stored[k] + view.at * kCodecBytes[codec];
      view.inputs[k] = at;
      if (fused) continue;
      auto* decoded = scratch.take<float>(kInputSlots + 2 * inputs[k] + 1, kTile);
      kernels().decode[codec]({at, decoded, view.n});
      view.inputs[k] = decoded;
    }
    uint8_t* const to = out == nullptr ? nullptr : out + view.at * out_bytes;
    view.out =
        fused || out == nullptr ? to : static_cast<void*>(scratch.take<float>(kOutTileSlot, kTile));
    body(view);
    if (!fused && out != nullptr) {
      kernels().encode[step_.codec]({static_cast<const float*>(view.out), to, view.n});
    }
  }
}

float StepIo::limit() const {
  // F32: infinity. F16: 65520. BF16: 0x7F7F8000. E4M3: above 464. E5M2: 61440.
  constexpr uint32_t limits[kAllCodecs] = {0x7F800000u, 0x477FF000u, 0x7F7F8000u, 0x43E80001u,
                                           0x47700000u};
  float limit;
  std::memcpy(&limit, &limits[step_.codec], 4);
  return limit;
}

bool StepIo::take_spare(size_t bytes) const {
  const auto wanted = static_cast<int64_t>(bytes);
  if (state_.spare_memory.fetch_sub(wanted, std::memory_order_relaxed) >= wanted) return true;
  return_spare(bytes);
  return false;
}

void StepIo::return_spare(size_t bytes) const {
  state_.spare_memory.fetch_add(static_cast<int64_t>(bytes), std::memory_order_relaxed);
}

uint64_t StepIo::digest() const { return digest_of_blocks(digests_); }

void StepIo::add_nonfinite(const Nonfinite& seen) {
  const uint64_t values[4] = {seen.nan_from_input, seen.nan_born, seen.overflow_from_input,
                              seen.overflow_born};
  for (int i = 0; i < 4; ++i) {
    if (values[i] != 0) counters_[i].fetch_add(values[i], std::memory_order_relaxed);
  }
}

Nonfinite StepIo::nonfinite() const {
  return {counters_[0], counters_[1], counters_[2], counters_[3]};
}

}  // namespace weightloom
