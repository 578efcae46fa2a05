// task: the task-arithmetic family. Phases, each only when needed:
//   draw      this step's part of the torch stream, as generator states
//   sample    brackets of the thresholds
//   select    exact thresholds of all trimmed models, in the same sweeps
//   rescale   L1 norms of the deltas before and after their masks
//   merge     masks again, and the task_arithmetic or ties kernel
#pragma once

#include <algorithm>
#include <cmath>

#include "../lane_sums.h"
#include "sparsify.h"

namespace weightloom {

constexpr double kSmallSum = 1e-7;
constexpr size_t kTileWords = kTile / 64;

class Task : public RunningStep {
 public:
  explicit Task(StepIo& io, bool collects = true)
      : RunningStep(io), sparsify_(io, io.step().parameters[4] != 0, collects) {
    const auto& p = io.step().parameters;
    consensus_ = p[0] != 0;
    normalize_ = p[1] != 0;
    const bool by_count = p[1] == 2;
    divisor_ = static_cast<float>(p[2]);
    lambda_ = static_cast<float>(p[3]);
    restore_ = p[4] != 0;
    for (size_t i = 11; i < p.size(); i += 6) {
      weights_.push_back(static_cast<float>(p[i]));
      rescales_.push_back(static_cast<float>(p[i + 5]));
      shares_.push_back(by_count ? 1.0f : static_cast<float>(p[i]));
    }
    if (restore_) {
      sums_.assign(weights_.size(), std::vector<double>(io.block_count()));
      kept_sums_ = sums_;
    }
    find_rescaled();
    phase_ = next_phase(Phase::start);
  }

  uint64_t blocks() const override {
    return phase_ == Phase::draw || phase_ == Phase::sample ? 1 : io_.block_count();
  }

  void run_block(uint64_t block, Scratch& scratch) override {
    switch (phase_) {
      case Phase::start:
        return;
      case Phase::draw:
        return sparsify_.draw();
      case Phase::sample:
        return sparsify_.sample(scratch);
      case Phase::select:
        return sparsify_.select_block(io_.range(block), scratch);
      case Phase::rescale:
        return rescale_block(io_.range(block), scratch);
      case Phase::merge:
        return merge_block(io_.range(block), scratch);
    }
  }

  bool ready() const override { return phase_ == Phase::merge; }

  bool advance(Scratch& scratch) override {
    if (phase_ == Phase::merge) return false;
    if (phase_ == Phase::select) sparsify_.end_sweep(scratch);
    if (phase_ == Phase::rescale) end_rescale();
    phase_ = next_phase(phase_);
    return true;
  }

 protected:
  enum class Phase { start, draw, sample, select, rescale, merge };

  Phase next_phase(Phase after) const {
    if (after < Phase::draw && sparsify_.draws()) return Phase::draw;
    if (after < Phase::sample && sparsify_.selecting()) return Phase::sample;
    if (after <= Phase::select && sparsify_.selecting()) return Phase::select;
    if (after <= Phase::select && restore_ && sparsify_.any()) return Phase::rescale;
    return Phase::merge;
  }

  void rescale_block(const Range& range, Scratch& scratch) {
    for (size_t m = 0; m < weights_.size(); ++m) {
      if (!sparsify_.masks(m)) continue;
      sparsify_.prepare_block(m, range, true, scratch);
      auto* room = scratch.take<uint64_t>(kMaskSlot, kTileWords);
      LaneSums all, kept;
      io_.for_tiles(range, kTile, {m + 1, 0}, nullptr, scratch, [&](const Tile& tile) {
        const uint64_t* mask =
            sparsify_.mask_of(m, range, tile, tile.inputs[0], tile.inputs[1], true, room, scratch);
        io_.kernels().delta_sum[tile.codec](
            {tile.inputs[0], tile.inputs[1], tile.n, mask, all.lanes, kept.lanes});
      });
      sums_[m][range.index] = fold(all);
      kept_sums_[m][range.index] = fold(kept);
    }
  }

  void end_rescale() {
    for (size_t m = 0; m < weights_.size(); ++m) {
      if (!sparsify_.masks(m)) continue;
      const double before = add_blocks(sums_[m]), after = add_blocks(kept_sums_[m]);
      const double ratio = before / after;
      if (before >= kSmallSum && after >= kSmallSum && std::isfinite(ratio)) {
        rescales_[m] = static_cast<float>(ratio);
      }
    }
    find_rescaled();
  }

  // A factor of 1 changes nothing.
  void find_rescaled() {
    rescaled_ = sparsify_.any() && std::any_of(rescales_.begin(), rescales_.end(),
                                               [](float factor) { return factor != 1.0f; });
  }

  void merge_block(const Range& range, Scratch& scratch) {
    const size_t models = weights_.size();
    std::vector<size_t> inputs(models + 1);
    for (size_t i = 0; i < inputs.size(); ++i) inputs[i] = i;
    Drops drops = drops_of(range);
    for (size_t m = 0; m < models; ++m) sparsify_.prepare_block(m, range, false, scratch);
    auto* masks = scratch.take<uint64_t>(kMaskSlot, models * kTileWords);
    uint8_t* out = io_.begin_output(range, scratch);
    Nonfinite seen{};
    const size_t step = drops.masked ? kTile : range.n;
    io_.for_tiles(range, step, inputs, out, scratch, [&](const Tile& tile) {
      for (size_t m = 0; m < models; ++m) {
        if (!drops.by_mask[m]) continue;
        const uint64_t* mask = sparsify_.mask_of(m, range, tile, tile.inputs[m + 1], tile.inputs[0],
                                                 false, masks + m * kTileWords, scratch);
        drops.masks[m] = reinterpret_cast<const uint8_t*>(mask);
        drops.factors[m] = sparsify_.element_factors(m, tile.at, scratch);
      }
      run_kernel(tile, drops, seen);
    });
    io_.add_nonfinite(seen);
    io_.end_output(range, out, scratch);
  }

  // How the deltas of one block are dropped: by a floor where that says it all, else by a mask.
  struct Drops {
    std::vector<float> floors;
    std::vector<bool> by_mask;
    std::vector<const uint8_t*> masks;
    std::vector<const float*> factors;
    bool masked = false, floored = false;
  };

  Drops drops_of(const Range& range) const {
    const size_t models = weights_.size();
    Drops drops{std::vector<float>(models), std::vector<bool>(models),
                std::vector<const uint8_t*>(models), std::vector<const float*>(models)};
    for (size_t m = 0; m < models; ++m) {
      if (!sparsify_.masks(m)) continue;
      const bool floored = sparsify_.floor_of(m, range, drops.floors[m]);
      drops.by_mask[m] = !floored;
      (floored ? drops.floored : drops.masked) = true;
    }
    return drops;
  }

  // All but the tensors.
  TaskArgs args_of(const Drops& drops) const {
    return {.weights = weights_.data(),
            .rescales = rescales_.data(),
            .shares = shares_.data(),
            .element_factors = drops.masked ? drops.factors.data() : nullptr,
            .masks = drops.masks.data(),
            .floors = drops.floored ? drops.floors.data() : nullptr,
            .input_count = static_cast<uint32_t>(weights_.size()),
            .masked = drops.masked,
            .rescaled = rescaled_,
            .normalize = normalize_,
            .divisor = divisor_,
            .lambda = lambda_,
            .limit = io_.limit()};
  }

  void run_kernel(const Tile& tile, const Drops& drops, Nonfinite& seen) const {
    TaskArgs args = args_of(drops);
    args.base = tile.inputs[0];
    args.inputs = tile.inputs.data() + 1;
    args.out = tile.out;
    args.n = tile.n;
    args.nonfinite = &seen;
    // ties computes for so long that it gains nothing by it.
    args.past_cache = tile.past_cache && !consensus_;
    const auto& kernels = io_.kernels();
    (consensus_ ? kernels.ties : kernels.task_arithmetic)[tile.codec](args);
  }

  bool consensus_, normalize_, restore_, rescaled_ = false;
  float divisor_, lambda_;
  Sparsifier sparsify_;
  std::vector<float> weights_, rescales_, shares_;
  std::vector<std::vector<double>> sums_, kept_sums_;
  Phase phase_;
};

}  // namespace weightloom
