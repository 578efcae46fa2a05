// compare: statistics of tensors that belong together, in one pass. The first input is what the
// others are compared with; as a base it makes them task vectors. The output are numbers, in the
// order of lib/reference/compare.ts, which specifies them.
//
// Elements at which an input is not finite are left out of every sum: the sums of squares show that
// there are some, and the tile is done again without them.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <numeric>

#include "../lane_sums.h"
#include "operation.h"

namespace weightloom {
namespace {

constexpr size_t kSums = 5;  // kernels/compare.h
enum : size_t { kBaseBase, kBaseX, kXX, kDD, kSize };

// Magnitudes by exponent and four bits of the mantissa; what is infinite counts as the largest.
constexpr int kShift = 19;
constexpr size_t kMagnitudes = 0xFF0;
// Of one block: room for every key, and two tables by turns, since neighbours are often alike.
constexpr size_t kBlockBins = size_t{1} << (32 - 1 - kShift);
constexpr size_t kTables = 2;

// Of the squared length, what may be lost; of the elements, how many are the top.
constexpr double kLoss = 0.01;
constexpr double kTop = 0.2;

// The first bin, of zeros, counts as nothing.
double energy_of(size_t bin, uint64_t count) {
  if (bin == 0) return 0.0;
  const auto bits = static_cast<uint32_t>(bin << kShift) | (uint32_t{1} << (kShift - 1));
  float middle;
  std::memcpy(&middle, &bits, 4);
  const double value = middle;
  return static_cast<double>(count) * (value * value);
}

double total_energy(const uint64_t* bins) {
  double total = 0.0;
  for (size_t i = 0; i < kMagnitudes; ++i) total = total + energy_of(i, bins[i]);
  return total;
}

// Share of elements, smallest first, that hold at most kLoss of the squared length.
double redundancy_of(const uint64_t* bins, double total, double count) {
  const double room = kLoss * total;
  double lost = 0.0, elements = 0.0;
  for (size_t i = 0; i < kMagnitudes; ++i) {
    const double energy = energy_of(i, bins[i]);
    if (lost + energy > room) {
      return (elements + (room - lost) / energy * static_cast<double>(bins[i])) / count;
    }
    lost = lost + energy;
    elements = elements + static_cast<double>(bins[i]);
  }
  return elements / count;
}

// Share of the squared length that the kTop of largest magnitude hold.
double top_of(const uint64_t* bins, double total, double count) {
  const double room = kTop * count;
  double kept = 0.0, elements = 0.0;
  for (size_t i = kMagnitudes; i-- > 0;) {
    const auto more = static_cast<double>(bins[i]);
    const double energy = energy_of(i, bins[i]);
    if (elements + more > room) return (kept + (room - elements) / more * energy) / total;
    kept = kept + energy;
    elements = elements + more;
  }
  return kept / total;
}

class Compare : public RunningStep {
 public:
  explicit Compare(StepIo& io)
      : RunningStep(io),
        models_(io.step().inputs.size() - 1),
        task_(io.step().parameters[0] != 0),
        order_(models_ + 1),
        largest_(models_),
        equal_(models_) {
    std::iota(order_.begin(), order_.end(), size_t{0});
    const bool floats = io.step().codec != kNoCodec;
    sums_.assign(floats ? quantities() : 0, std::vector<double>(io.block_count()));
    if (task_) histogram_.resize(models_ * kMagnitudes);
  }

  void run_block(uint64_t block, Scratch& scratch) override {
    const Range range = io_.range(block);
    Found found(*this);
    if (io_.step().codec == kNoCodec) {
      count_equal_bytes(range, found, scratch);
    } else {
      io_.for_tiles(range, kTile, order_, nullptr, scratch,
                    [&](const Tile& tile) { add_tile(tile, found, scratch); });
      for (size_t k = 0; k < quantities(); ++k) sums_[k][block] = fold(found.sums[k]);
    }
    merge(found);
    uint64_t bytes = 0;
    for (const WireInput& input : io_.step().inputs) bytes += range.n * width_of(input);
    io_.report(bytes);
  }

  bool advance(Scratch& scratch) override {
    write_numbers(scratch);
    return false;
  }

 private:
  // What one block has found.
  struct Found {
    explicit Found(const Compare& of)
        : sums(of.quantities()),
          largest(of.models_),
          equal(of.models_),
          histogram(of.task_ ? of.models_ * kTables * kBlockBins : 0) {}

    std::vector<LaneSums> sums;
    std::vector<float> largest;
    std::vector<uint64_t> equal;
    std::vector<uint32_t> histogram;
    uint64_t nonfinite = 0, conflicts = 0, active = 0;
  };

  size_t pairs() const { return models_ * (models_ - 1) / 2; }
  // Five for each model, the dot products of pairs, and that of the combined deltas.
  size_t quantities() const { return kSums * models_ + pairs() + 1; }

  uint64_t width_of(const WireInput& input) const {
    return input.codec == kNoCodec ? io_.step().bits / 8 : uint64_t(kCodecBytes[input.codec]);
  }

  void count_equal_bytes(const Range& range, Found& found, Scratch& scratch) const {
    const auto bytes = static_cast<size_t>(io_.bytes_of(range.n));
    const uint8_t* base = io_.input(0, range, scratch);
    for (size_t m = 0; m < models_; ++m) {
      const uint8_t* x = io_.input(m + 1, range, scratch);
      uint64_t equal = 0;
      for (size_t i = 0; i < bytes; ++i) equal += x[i] == base[i] ? 1 : 0;
      found.equal[m] = equal;
    }
  }

  // Adds a tile of which every element counts; false when there are some that are not finite.
  bool compare_all(const Tile& tile, std::vector<LaneSums>& sums, std::vector<float>& largest,
                   std::vector<uint64_t>& equal) const {
    bool finite = true;
    for (size_t m = 0; m < models_; ++m) {
      LaneSums* const own = &sums[kSums * m];
      io_.kernels().compare[tile.codec](
          {tile.inputs[0], tile.inputs[m + 1], tile.n, own->lanes, &largest[m], &equal[m]});
      for (const size_t k : {kBaseBase, kXX}) {
        for (const double lane : own[k].lanes) finite = finite && std::isfinite(lane);
      }
    }
    return finite;
  }

  void add_tile(const Tile& tile, Found& found, Scratch& scratch) const {
    const std::vector<LaneSums> sums(found.sums.begin(), found.sums.begin() + kSums * models_);
    const std::vector<float> largest = found.largest;
    if (compare_all(tile, found.sums, found.largest, found.equal)) {
      return add_between(tile, found, scratch);
    }
    std::copy(sums.begin(), sums.end(), found.sums.begin());
    found.largest = largest;
    const Tile clean = without_nonfinite(tile, found, scratch);
    std::vector<uint64_t> known(models_);
    compare_all(clean, found.sums, found.largest, known);
    add_between(clean, found, scratch);
  }

  // The same in f32 tiles, with zeros wherever an input is not finite.
  Tile without_nonfinite(const Tile& tile, Found& found, Scratch& scratch) const {
    Tile clean = tile;
    clean.codec = 0;
    std::vector<float*> values;
    for (size_t i = 0; i <= models_; ++i) {
      auto* decoded = scratch.take<float>(kInputSlots + 2 * i + 1, kTile);
      if (tile.inputs[i] != decoded) {
        io_.kernels().decode[tile.codec]({tile.inputs[i], decoded, tile.n});
      }
      clean.inputs[i] = decoded;
      values.push_back(decoded);
    }
    for (size_t i = 0; i < tile.n; ++i) {
      const bool finite = std::all_of(values.begin(), values.end(),
                                      [&](const float* of) { return std::isfinite(of[i]); });
      if (finite) continue;
      ++found.nonfinite;
      for (float* const of : values) of[i] = 0.0f;
    }
    return clean;
  }

  // What concerns several of the others, or their deltas one by one.
  void add_between(const Tile& tile, Found& found, Scratch& scratch) const {
    const void* const base = task_ ? tile.inputs[0] : nullptr;
    size_t pair = kSums * models_;
    for (size_t i = 1; i <= models_; ++i) {
      for (size_t j = i + 1; j <= models_; ++j, ++pair) {
        io_.kernels().dot[tile.codec](
            {tile.inputs[i], tile.inputs[j], base, tile.n, found.sums[pair].lanes});
      }
    }
    if (!task_) return;
    io_.kernels().conflicts[tile.codec]({tile.inputs[0], tile.inputs.data() + 1,
                                         static_cast<uint32_t>(models_), tile.n,
                                         found.sums[pair].lanes, &found.conflicts, &found.active});
    auto* keys = scratch.take<uint32_t>(kMagnitudeSlot, kTile);
    for (size_t m = 0; m < models_; ++m) {
      io_.kernels().delta_magnitude[tile.codec]({tile.inputs[m + 1], tile.inputs[0], tile.n, keys});
      uint32_t* const even = &found.histogram[m * kTables * kBlockBins];
      uint32_t* const odd = even + kBlockBins;
      size_t i = 0;
      for (; i + 2 <= tile.n; i += 2) {
        ++even[keys[i] >> kShift];
        ++odd[keys[i + 1] >> kShift];
      }
      if (i < tile.n) ++even[keys[i] >> kShift];
    }
  }

  void merge(const Found& found) {
    const std::lock_guard lock(mutex_);
    nonfinite_ += found.nonfinite;
    conflicts_ += found.conflicts;
    active_ += found.active;
    for (size_t m = 0; m < models_; ++m) {
      largest_[m] = std::max(largest_[m], found.largest[m]);
      equal_[m] += found.equal[m];
    }
    for (size_t i = 0; i < found.histogram.size(); ++i) {
      const size_t bin = std::min(i % kBlockBins, kMagnitudes - 1);
      histogram_[i / (kTables * kBlockBins) * kMagnitudes + bin] += found.histogram[i];
    }
  }

  double sum(size_t quantity) const {
    return quantity < sums_.size() ? add_blocks(sums_[quantity]) : 0.0;
  }

  void write_numbers(Scratch& scratch) const {
    std::vector<double> out = {static_cast<double>(nonfinite_), sum(kBaseBase),
                               static_cast<double>(conflicts_), static_cast<double>(active_),
                               sum(kSums * models_ + pairs())};
    for (size_t m = 0; m < models_; ++m) {
      const size_t own = kSums * m;
      out.push_back(static_cast<double>(equal_[m]));
      out.push_back(largest_[m]);
      for (const size_t k : {kSize, kDD, kBaseX, kXX}) out.push_back(sum(own + k));
      const uint64_t* bins = task_ ? &histogram_[m * kMagnitudes] : nullptr;
      const double total = task_ ? total_energy(bins) : 0.0;
      const auto count = static_cast<double>(io_.step().count);
      out.push_back(total > 0 ? redundancy_of(bins, total, count) : 0.0);
      out.push_back(total > 0 ? top_of(bins, total, count) : 0.0);
    }
    for (size_t k = 0; k < pairs(); ++k) out.push_back(sum(kSums * models_ + k));
    std::memcpy(io_.begin_output({0, 0, 0}, scratch), out.data(), out.size() * 8);
  }

  size_t models_;
  bool task_;
  std::vector<size_t> order_;
  std::mutex mutex_;
  std::vector<std::vector<double>> sums_;
  std::vector<float> largest_;
  std::vector<uint64_t> equal_;
  std::vector<uint64_t> histogram_;
  uint64_t nonfinite_ = 0, conflicts_ = 0, active_ = 0;
};

}  // namespace

std::unique_ptr<RunningStep> make_compare(StepIo& io) { return std::make_unique<Compare>(io); }

}  // namespace weightloom
