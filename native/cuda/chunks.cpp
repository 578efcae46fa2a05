#include "chunks.h"

#include <algorithm>
#include <numeric>

namespace weightloom::cuda {
namespace {

// Kernels load a whole vector where less is left.
constexpr uint64_t kSlack = 64;
constexpr uint64_t kVector = 8;

std::vector<size_t> all_inputs(const WireStep& step) {
  std::vector<size_t> all(step.inputs.size());
  std::iota(all.begin(), all.end(), size_t{0});
  return all;
}

}  // namespace

Chunks::Chunks(StepIo& io, Lanes& lanes, DeviceMemory& memory, const Needs& needs)
    : io_(io), lanes_(lanes), memory_(memory), needs_(needs) {
  const WireStep& step = io.step();
  const int common = io.common_codec(all_inputs(step), true);
  fused_ = common >= 0;
  codec_ = fused_ ? common : 0;
  uint64_t wide_each = 0, own_each = kCodecBytes[step.codec] + (fused_ ? 0 : 4);
  for (const WireInput& input : step.inputs) {
    wide_each += kCodecBytes[input.codec] + (fused_ ? 0u : 4u);
  }
  const uint64_t arrays = 2 * step.inputs.size() + 4 + needs.arrays;
  const uint64_t each = wide_each + own_each + needs.bytes_each;
  const uint64_t fixed = needs.bytes_fixed + arrays * (Lane::kAlignment + kSlack) +
                         (2 * (needs.row - 1) + kVector) * (wide_each + needs.bytes_each);
  if (fixed >= lanes.bytes()) return;
  blocks_each_ = (lanes.bytes() - fixed) / each / kBlock;
  // Enough chunks that lanes have something to overlap.
  const uint64_t share = std::max<uint64_t>(io.block_count() / 16, 8);
  blocks_each_ = std::min(blocks_each_, share);
}

Chunks::~Chunks() {
  if (kept_ != 0) memory_.give(kept_, kept_bytes(io_.step().inputs.size()));
}

// Of the first so many inputs, each on its own alignment.
uint64_t Chunks::kept_bytes(size_t inputs) const {
  const WireStep& step = io_.step();
  uint64_t bytes = 0;
  for (size_t i = 0; i < inputs; ++i) {
    bytes += Lane::padded(step.count * kCodecBytes[step.inputs[i].codec] + kSlack);
  }
  return bytes;
}

// All inputs or none; asked for by the first chunk that runs, since it may wait for the GPU.
void Chunks::reserve_inputs() {
  const std::lock_guard lock(mutex_);
  if (asked_ || !needs_.again || needs_.row != 1) return;
  asked_ = true;
  kept_ = memory_.take(kept_bytes(io_.step().inputs.size()));
  if (kept_ != 0) there_.assign(count(), 0);
}

uint64_t Chunks::count() const { return (io_.block_count() + blocks_each_ - 1) / blocks_each_; }

Range Chunks::range(uint64_t index) const {
  const uint64_t block = index * blocks_each_, first = block * kBlock;
  const uint64_t end = std::min(first + blocks_each_ * kBlock, io_.step().count);
  return {block, first, static_cast<size_t>(end - first)};
}

void Chunks::run(uint64_t index, const std::function<void(Chunk&)>& body) {
  lanes_.device().enter();
  reserve_inputs();
  const Lanes::Borrowed lane(lanes_);
  try {
    Chunk chunk(*this, index, *lane);
    body(chunk);
  } catch (...) {
    // Whoever borrows the lane next fills memory that copies may still read.
    (*lane).drain();
    throw;
  }
  if (!there_.empty()) there_[index] = 1;
}

Chunk::Chunk(Chunks& chunks, uint64_t index, Lane& lane)
    : chunks_(chunks),
      io_(chunks.io_),
      lane_(lane),
      index_(index),
      range_(chunks.range(index)),
      wide_(range_),
      inputs_(io_.step().inputs.size()) {
  const uint64_t row = chunks.needs_.row, end = range_.first + range_.n;
  const uint64_t first = range_.first / row * row;
  const uint64_t stop = std::min((end + row - 1) / row * row, io_.step().count);
  lead_ = first % kVector;
  wide_.first = first - lead_;
  wide_.n = static_cast<size_t>(stop - wide_.first);
}

// The stored elements of wide(), on the device.
const void* Chunk::stored(size_t i) {
  const uint64_t width = kCodecBytes[io_.step().inputs[i].codec];
  const uint64_t bytes = wide_.n * width;
  uint8_t* to;
  if (chunks_.kept_ == 0) {
    to = lane_.room_for<uint8_t>(bytes + kSlack);
  } else {
    to = reinterpret_cast<uint8_t*>(chunks_.kept_ + chunks_.kept_bytes(i) + wide_.first * width);
    if (chunks_.there_[index_] != 0) return to;
  }
  uint8_t* const staged = lane_.host(bytes);
  io_.copy_input(i, wide_, staged);
  lane_.upload(to, staged, bytes);
  return to;
}

void Chunk::load_all() {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    inputs_[i] = stored(i);
    if (chunks_.fused_) continue;
    auto* tile = lane_.room_for<float>(wide_.n + kSlack / 4);
    walk(device().kernels().decode[io_.step().inputs[i].codec], wide_.n,
         DecodeArgs{inputs_[i], tile, wide_.n});
    inputs_[i] = tile;
  }
}

const void* Chunk::from(size_t i, uint64_t element) const {
  const uint64_t width = chunks_.fused_ ? kCodecBytes[codec()] : 4;
  return static_cast<const uint8_t*>(inputs_[i]) + element * width;
}

void Chunk::begin_output() {
  const uint64_t width = chunks_.fused_ ? kCodecBytes[codec()] : 4;
  built_ = lane_.room_for<uint8_t>(range_.n * width + kSlack);
  seen_ = lane_.room_for<Nonfinite>(1);
  lane_.clear(seen_, sizeof(Nonfinite));
}

void Chunk::end_output() {
  const void* encoded = built_;
  const uint64_t bytes = range_.n * kCodecBytes[io_.step().codec];
  if (!chunks_.fused_) {
    void* to = lane_.room_for<uint8_t>(bytes + kSlack);
    walk(device().kernels().encode[io_.step().codec], range_.n,
         EncodeArgs{static_cast<const float*>(built_), to, range_.n});
    encoded = to;
  }
  const uint8_t* made = results(static_cast<const uint8_t*>(encoded), bytes);
  const Nonfinite* seen = results(seen_, 1);
  finish();
  io_.add_nonfinite(*seen);
  io_.put_blocks(range_, made);
}

void Chunk::finish() { lane_.finish(); }

}  // namespace weightloom::cuda
