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

#include "../select.h"
#include "operation.h"
#include "sweep.h"

namespace weightloom {

// Unsigned integers in the order of floats; NaN is the largest.
inline uint32_t ordered_key(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return 0xFFFFFFFFu;
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

inline float value_of_key(uint32_t key) {
  const uint32_t bits = (key & 0x80000000u) != 0 ? key & 0x7FFFFFFFu : ~key;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

// Rows that are worked on at once: each sum waits for itself, several do not wait for each other.
constexpr size_t kRows = 4;

struct Sums {
  double of[kRows] = {};
};

// Of each of the rows, in order.
inline Sums sums_of(const std::vector<double> (&rows)[kRows]) {
  size_t least = rows[0].size();
  for (const auto& row : rows) least = std::min(least, row.size());
  Sums sums;
  for (size_t i = 0; i < least; ++i) {
    for (size_t r = 0; r < kRows; ++r) sums.of[r] = sums.of[r] + rows[r][i];
  }
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t i = least; i < rows[r].size(); ++i) sums.of[r] = sums.of[r] + rows[r][i];
  }
  return sums;
}

class ArceeFusion : public RunningStep {
 public:
  explicit ArceeFusion(StepIo& io, bool collects = true) : RunningStep(io) {
    width_ = std::max<uint64_t>(static_cast<uint64_t>(io.step().parameters[0]), 1);
    rows_ = (io.step().count + width_ - 1) / width_;
    divergences_.resize(rows_);
    unit_ = std::max<uint64_t>(kBlock / width_, kRows);
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

  bool advance(Scratch& scratch) override {
    if (phase_ == Phase::merge) return false;
    if (phase_ == Phase::divergence) {
      sample(scratch);
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
    for (uint64_t row = unit * unit_; row < end; row += kRows) {
      const size_t count = std::min<uint64_t>(kRows, end - row);
      std::vector<double> p[kRows], q[kRows];
      for (size_t r = 0; r < kRows; ++r) {
        // Where there are fewer rows, the last one counts again.
        p[r] = exponentials(1, row + std::min(r, count - 1), scratch);
        q[r] = exponentials(0, row + std::min(r, count - 1), scratch);
      }
      const Sums p_sums = sums_of(p), q_sums = sums_of(q);
      for (size_t r = 0; r < count; ++r) {
        io_.kernels().divergence_terms(
            {p[r].data(), q[r].data(), p_sums.of[r], q_sums.of[r], kSmallProbability, p[r].size()});
      }
      const Sums sums = sums_of(p);
      for (size_t r = 0; r < count; ++r) divergences_[row + r] = static_cast<float>(sums.of[r]);
    }
  }

  std::vector<double> exponentials(size_t input, uint64_t row, Scratch& scratch) const {
    std::vector<double> values = row_of(input, row, scratch);
    io_.kernels().row_exponentials({values.data(), values.size()});
    return values;
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
    const uint64_t first = range.first + tile.at;
    for (size_t i = 0; i < tile.n;) {
      const uint64_t row = (first + i) / width_;
      const size_t n = std::min<uint64_t>(tile.n - i, (row + 1) * width_ - (first + i));
      io_.kernels().importance_keys({x + i, base + i, divergences_[row], out + i, n});
      i += n;
    }
    return out;
  }

  // Brackets the quantiles, so that one sweep is enough as a rule.
  void sample(Scratch& scratch) {
    std::vector<uint32_t> found;
    for (const Range& range : sample_ranges(io_.step().count)) {
      io_.for_tiles(range, kTile, {0, 1}, nullptr, scratch, [&](const Tile& tile) {
        const uint32_t* of = keys(range, tile, scratch);
        found.insert(found.end(), of, of + tile.n);
      });
    }
    for (const auto& quantile : quantiles_) quantile->bracket(found);
  }

  void select_block(const Range& range, Scratch& scratch) {
    const size_t count = quantiles_.size();
    constexpr size_t room = kBlock + kListRoom;
    auto* bins = scratch.take<uint32_t>(kBinSlot, count * Selection::kBins);
    auto* inside = scratch.take<uint32_t>(kWordSlot, count * room);
    std::fill(bins, bins + count * Selection::kBins, 0u);
    std::vector<SweepBlock> blocks(count);
    for (size_t q = 0; q < count; ++q) {
      blocks[q].bins = bins + q * Selection::kBins;
      blocks[q].keys = inside + q * room;
    }
    io_.for_tiles(range, kTile, {0, 1}, nullptr, scratch, [&](const Tile& tile) {
      const uint32_t* of = keys(range, tile, scratch);
      for (size_t q = 0; q < count; ++q) {
        if (!quantiles_[q]->counted()) add_keys(io_, *quantiles_[q], of, tile.n, blocks[q]);
      }
    });
    for (size_t q = 0; q < count; ++q) {
      if (quantiles_[q]->counted()) continue;
      end_sweep_block(io_, *quantiles_[q], range.index, std::move(blocks[q]));
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
      // A NaN has key 0xFFFFFFFF: as an importance or a threshold it chooses nothing.
      for (size_t i = 0; i < tile.n; i += 64) {
        uint64_t word = 0;
        for (size_t j = i; j < std::min(tile.n, i + 64); ++j) {
          const bool chosen = of[j] >= threshold_ && of[j] != 0xFFFFFFFFu;
          word |= static_cast<uint64_t>(chosen) << (j - i);
        }
        mask[i / 64] = word;
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
