// arcee_fusion: take the other model's value where it matters most (Arcee Fusion, as mergekit has
// it). Over each row (last axis) p = softmax(x) + 1e-8, q = softmax(base) + 1e-8 and
// K = sum p * log(p / q) in binary64; the importance of an element is |x - base| * K in binary32.
// Threshold: median + 1.5 * (third - first quartile) of all importances, exact, each quantile being
// the element at index trunc(q * (n - 1)) of the ascending order. y = x where the importance is at
// least the threshold, else base.
// Phases: divergence of every row; three selections in the same sweeps; merge.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../../kernels/order.h"
#include "../angles.h"
#include "../select.h"
#include "operation.h"

namespace weightloom {

constexpr double kSmallProbability = 1e-8;

inline float value_of_key(uint32_t key) {
  const uint32_t bits = (key & 0x80000000u) != 0 ? key & 0x7FFFFFFFu : ~key;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

// Replaces a row by its softmax plus 1e-8.
inline void softmax(std::vector<double>& row) {
  double largest = row[0];
  for (const double each : row) largest = each > largest ? each : largest;
  double sum = 0.0;
  for (double& each : row) {
    each = exponential(each - largest);
    sum = sum + each;
  }
  for (double& each : row) each = each / sum + kSmallProbability;
}

class ArceeFusion : public RunningStep {
 public:
  explicit ArceeFusion(StepIo& io, bool collects = true) : RunningStep(io) {
    width_ = std::max<uint64_t>(static_cast<uint64_t>(io.step().parameters[0]), 1);
    rows_ = (io.step().count + width_ - 1) / width_;
    divergences_.resize(rows_);
    unit_ = std::max<uint64_t>(kBlock / width_, 1);
    for (const float q : {0.25f, 0.5f, 0.75f}) {
      const float position = q * static_cast<float>(io.step().count - 1);
      const auto index = std::min(static_cast<uint64_t>(position), io.step().count - 1);
      quantiles_.push_back(std::make_unique<Selection>(io.step().count - index, io.step().count,
                                                       io.block_count(), collects));
    }
  }

  uint64_t blocks() const override {
    return phase_ == Phase::divergence ? (rows_ + unit_ - 1) / unit_ : io_.block_count();
  }

  void run_block(uint64_t block, Scratch& scratch) override {
    switch (phase_) {
      case Phase::divergence:
        return diverge(block, scratch);
      case Phase::select:
        return select_block(io_.range(block), scratch);
      case Phase::merge:
        return merge_block(io_.range(block), scratch);
    }
  }

  bool ready() const override { return phase_ == Phase::merge; }

  bool advance(Scratch&) override {
    if (phase_ == Phase::merge) return false;
    if (phase_ == Phase::divergence) {
      phase_ = Phase::select;
      return true;
    }
    bool all = true;
    for (const auto& quantile : quantiles_) {
      if (!quantile->counted()) quantile->advance();
      all = all && quantile->counted();
    }
    if (all) choose_threshold();
    return true;
  }

 protected:
  enum class Phase { divergence, select, merge };

  void diverge(uint64_t unit, Scratch& scratch) {
    const uint64_t end = std::min(rows_, (unit + 1) * unit_);
    for (uint64_t row = unit * unit_; row < end; ++row) {
      std::vector<double> p = row_of(1, row, scratch);
      std::vector<double> q = row_of(0, row, scratch);
      softmax(p);
      softmax(q);
      double sum = 0.0;
      for (size_t i = 0; i < p.size(); ++i) sum = sum + p[i] * logarithm(p[i] / q[i]);
      divergences_[row] = static_cast<float>(sum);
    }
  }

  std::vector<double> row_of(size_t input, uint64_t row, Scratch& scratch) const {
    std::vector<double> out;
    out.reserve(width_);
    const uint64_t end = std::min(io_.step().count, (row + 1) * width_);
    for (uint64_t first = row * width_; first < end; first += kTile) {
      const Range part{0, first, static_cast<size_t>(std::min<uint64_t>(kTile, end - first))};
      const float* tile = decoded(input, io_.input(input, part, scratch), part.n, scratch);
      out.insert(out.end(), tile, tile + part.n);
    }
    return out;
  }

  const float* decoded(size_t input, const void* stored, size_t n, Scratch& scratch) const {
    auto* tile = scratch.take<float>(kInputSlots + 2 * input + 1, kTile);
    io_.kernels().decode[io_.step().inputs[input].codec]({stored, tile, n});
    return tile;
  }

  // Keys of the importances of a tile whose inputs are {base, x}.
  const uint32_t* keys(const Range& range, const Tile& tile, Scratch& scratch) const {
    auto* base = scratch.take<float>(kArceeSlots, kTile);
    auto* x = scratch.take<float>(kArceeSlots + 1, kTile);
    io_.kernels().decode[tile.codec]({tile.inputs[0], base, tile.n});
    io_.kernels().decode[tile.codec]({tile.inputs[1], x, tile.n});
    auto* out = scratch.take<uint32_t>(kMagnitudeSlot, kTile);
    for (size_t i = 0; i < tile.n; ++i) {
      const float divergence = divergences_[(range.first + tile.at + i) / width_];
      const float distance = std::fabs(x[i] - base[i]);
      out[i] = ordered_key(distance * divergence);
    }
    return out;
  }

  void select_block(const Range& range, Scratch& scratch) {
    const size_t count = quantiles_.size();
    auto* bins = scratch.take<uint32_t>(kBinSlot, count * Selection::kBins);
    auto* inside = scratch.take<uint32_t>(kWordSlot, count * kBlock);
    std::fill(bins, bins + count * Selection::kBins, 0u);
    std::vector<SweepBlock> blocks(count);
    for (size_t q = 0; q < count; ++q) {
      blocks[q].bins = bins + q * Selection::kBins;
      blocks[q].keys = inside + q * kBlock;
    }
    io_.for_tiles(range, kTile, {0, 1}, nullptr, scratch, [&](const Tile& tile) {
      const uint32_t* of = keys(range, tile, scratch);
      for (size_t q = 0; q < count; ++q) {
        if (!quantiles_[q]->counted()) quantiles_[q]->add(of, tile.n, blocks[q]);
      }
    });
    for (size_t q = 0; q < count; ++q) {
      if (!quantiles_[q]->counted()) quantiles_[q]->finish_block(range.index, blocks[q]);
    }
  }

  void choose_threshold() {
    const float first = value_of_key(quantiles_[0]->result().key);
    const float median = value_of_key(quantiles_[1]->result().key);
    const float third = value_of_key(quantiles_[2]->result().key);
    const float spread = 1.5f * (third - first);
    threshold_ = ordered_key(median + spread);
    phase_ = Phase::merge;
  }

  void merge_block(const Range& range, Scratch& scratch) {
    uint8_t* out = io_.begin_output(range, scratch);
    Nonfinite seen{};
    io_.for_tiles(range, kTile, {0, 1}, out, scratch, [&](const Tile& tile) {
      const uint32_t* of = keys(range, tile, scratch);
      auto* mask = scratch.take<uint64_t>(kMaskSlot, kTile / 64);
      std::fill(mask, mask + kTile / 64, uint64_t{0});
      for (size_t i = 0; i < tile.n; ++i) {
        // A NaN has key 0xFFFFFFFF: as an importance or a threshold it chooses nothing.
        const bool known = of[i] != 0xFFFFFFFFu && threshold_ != 0xFFFFFFFFu;
        const uint64_t bit = known && of[i] >= threshold_ ? 1 : 0;
        mask[i / 64] |= bit << (i % 64);
      }
      io_.kernels().choose[tile.codec](
          {tile.inputs[0], tile.inputs[1], mask, io_.limit(), tile.out, tile.n, &seen});
    });
    io_.add_nonfinite(seen);
    io_.end_output(range, out, scratch);
  }

  static constexpr size_t kArceeSlots = kInputSlots + 8;

  Phase phase_ = Phase::divergence;
  uint64_t width_, rows_, unit_;
  uint32_t threshold_ = 0;
  std::vector<float> divergences_;
  std::vector<std::unique_ptr<Selection>> quantiles_;
};

}  // namespace weightloom
