#include "arrays.h"

#include <algorithm>
#include <random>

namespace weightloom_bench {
namespace {

constexpr uint64_t kPiece = uint64_t{4} << 20;  // elements
constexpr uint64_t kSlack = 64;                 // bytes; kernels load whole vectors
constexpr float kSpread = 0.02f;                // of weights
constexpr float kTrained = 0.003f;              // of what training changed

constexpr uint64_t kCounts = Selection::kBins;  // more than a chunk has blocks
constexpr uint64_t kSums = 4;                   // of a block, at most

uint64_t mask_words(uint64_t n) { return (n + 63) / 64; }

std::vector<uint16_t> stored(const std::vector<float>& weights) {
  std::vector<uint16_t> out(weights.size());
  scalar_table.encode[kBf16]({weights.data(), out.data(), weights.size()});
  return out;
}

}  // namespace

Room::Room(const cuda::Device& device, cuda::DeviceMemory& memory, uint64_t most)
    : lane(device, memory, kLaneBytes) {
  view.keys = lane.room_for<uint32_t>(most + 8);
  for (size_t m = 0; m < kTuned; ++m) {
    view.masks[m] = lane.room_for<uint64_t>(mask_words(most));
    view.counts[m] = lane.room_for<uint32_t>(kCounts);
    view.above[m] = lane.room_for<uint64_t>(1);
    view.sums[m] = lane.room_for<double>(kSums * kCounts);
  }
  view.seen = lane.room_for<Nonfinite>(1);
}

void Room::clear() {
  for (size_t m = 0; m < kTuned; ++m) {
    lane.clear(view.counts[m], kCounts * sizeof(uint32_t));
    lane.clear(view.above[m], sizeof(uint64_t));
  }
  lane.clear(view.seen, sizeof(Nonfinite));
}

Arrays::Arrays(const cuda::Device& device, uint64_t bytes, size_t streams, uint64_t most)
    : device_(device),
      bytes_(bytes),
      memory_(device, (kInputs + 1) * (bytes + cuda::DeviceMemory::kUnit) + streams * kLaneBytes,
              streams * kLaneBytes) {
  for (size_t i = 0; i < streams; ++i) {
    rooms_.push_back(std::make_unique<Room>(device, memory_, most));
  }
  for (cuda::DevicePointer& input : inputs_) input = allocate();
  out_ = allocate();
  make_piece();
  fill();
}

cuda::DevicePointer Arrays::allocate() {
  const cuda::DevicePointer made = memory_.take(bytes_ + kSlack);
  if (made == 0) throw device_.error("DEVICE_MEMORY", "no memory for the arrays: see --size");
  return made;
}

void Arrays::make_piece() {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> weights[kInputs];
  for (uint64_t i = 0; i < std::min(kPiece, elements()); ++i) {
    const float base = kSpread * normal(random);
    weights[0].push_back(base);
    for (size_t m = 1; m < kInputs; ++m) weights[m].push_back(base + kTrained * normal(random));
  }
  for (size_t i = 0; i < kInputs; ++i) piece_[i] = stored(weights[i]);
}

void Arrays::fill() {
  cuda::Lane& lane = rooms_[0]->lane;
  for (size_t i = 0; i < kInputs; ++i) {
    const uint64_t size = piece_[i].size() * 2;
    for (uint64_t at = 0; at < bytes_; at += size) {
      lane.upload(reinterpret_cast<void*>(inputs_[i] + at), piece_[i].data(),
                  std::min(size, bytes_ - at));
    }
  }
  lane.finish();
}

void Arrays::finish() {
  for (const auto& room : rooms_) room->lane.finish();
}

View Arrays::on_device(const Range& range, const Room& room) const {
  View view = room.view;
  for (size_t i = 0; i < kInputs; ++i) {
    view.inputs[i] = reinterpret_cast<const void*>(inputs_[i] + 2 * range.first);
  }
  view.out = reinterpret_cast<void*>(out_ + 2 * range.first);
  view.n = range.n;
  return view;
}

std::vector<uint16_t> Arrays::on_host(size_t input, const Range& range) const {
  const std::vector<uint16_t>& piece = piece_[input];
  std::vector<uint16_t> out(range.n + kSlack / 2);
  for (size_t i = 0; i < range.n; ++i) out[i] = piece[(range.first + i) % piece.size()];
  return out;
}

HostChunk::HostChunk(const Arrays& arrays, const Range& range)
    : out_(range.n + kSlack / 2), keys_(range.n + 8) {
  for (size_t i = 0; i < kInputs; ++i) {
    inputs_[i] = arrays.on_host(i, range);
    view_.inputs[i] = inputs_[i].data();
  }
  for (size_t m = 0; m < kTuned; ++m) {
    masks_[m].resize(mask_words(range.n));
    counts_[m].resize(kCounts);
    sums_[m].resize(kSums * kCounts);
    view_.masks[m] = masks_[m].data();
    view_.counts[m] = counts_[m].data();
    view_.sums[m] = sums_[m].data();
    view_.above[m] = &above_[m];
  }
  view_.out = out_.data();
  view_.keys = keys_.data();
  view_.seen = &seen_;
  view_.n = range.n;
}

}  // namespace weightloom_bench
