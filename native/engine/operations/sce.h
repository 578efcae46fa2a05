// sce: phases, each only when needed:
//   count    positions whose variance is not zero: how many are to be selected
//   select   the exact threshold of the variances
//   share    mean squares of the selected deltas, from which the models' shares follow
//   merge    kernels/sce.h
#pragma once

#include <algorithm>
#include <mutex>
#include <numeric>

#include "../lane_sums.h"
#include "operation.h"
#include "sweep.h"

namespace weightloom {

constexpr double kSmallShare = 1e-6;

class Sce : public RunningStep {
 public:
  explicit Sce(StepIo& io, bool collects = true)
      : RunningStep(io), models_(io.step().inputs.size() - 1), collects_(collects) {
    topk_ = static_cast<float>(io.step().parameters[0]);
    selects_ = topk_ < 1.0f;
    phase_ = selects_ ? Phase::count : Phase::share;
    squares_.assign(models_, std::vector<double>(io.block_count()));
  }

  void run_block(uint64_t block, Scratch& scratch) override {
    const Range range = io_.range(block);
    switch (phase_) {
      case Phase::count:
        return count_block(range, scratch);
      case Phase::select:
        return select_block(range, scratch);
      case Phase::share:
        return share_block(range, scratch);
      case Phase::merge:
        return merge_block(range, scratch);
    }
  }

  bool ready() const override { return phase_ == Phase::merge; }

  bool advance(Scratch& scratch) override {
    switch (phase_) {
      case Phase::count:
        begin_selection(scratch);
        return true;
      case Phase::select:
        end_sweep(scratch);
        return true;
      case Phase::share:
        end_shares();
        return true;
      case Phase::merge:
        return false;
    }
    return false;
  }

 protected:
  enum class Phase { count, select, share, merge };

  std::vector<size_t> order() const {
    std::vector<size_t> all(models_ + 1);
    std::iota(all.begin(), all.end(), size_t{0});
    return all;
  }

  // Calls `body(keys, tile)` with the variances' keys of every tile of the range.
  template <class Body>
  void for_keys(const Range& range, Scratch& scratch, Body body) const {
    io_.for_tiles(range, kTile, order(), nullptr, scratch, [&](const Tile& tile) {
      auto* keys = scratch.take<uint32_t>(kMagnitudeSlot, kTile);
      io_.kernels().sce_variance[tile.codec](
          {tile.inputs[0], tile.inputs.data() + 1, static_cast<uint32_t>(models_), tile.n, keys});
      body(keys, tile);
    });
  }

  void count_block(const Range& range, Scratch& scratch) {
    uint64_t count = 0, above = 0;
    for_keys(range, scratch, [&](const uint32_t* keys, const Tile& tile) {
      io_.kernels().collect_keys({keys, tile.n, 1, 0xFFFFFFFFu, nullptr, &above, &count});
    });
    const std::lock_guard lock(mutex_);
    nonzero_ += count;
  }

  void begin_selection(Scratch& scratch) {
    const float wanted = static_cast<float>(nonzero_) * topk_;
    const auto keep = wanted > 0.0f ? static_cast<uint64_t>(wanted) : 0;
    none_ = keep == 0;
    phase_ = Phase::share;
    if (none_) return;
    if (keep >= io_.step().count) {
      selects_ = false;
      return;
    }
    selection_ = std::make_unique<Selection>(keep, io_.step().count, io_.block_count(), collects_);
    std::vector<uint32_t> sample;
    for (const Range& range : sample_ranges(io_.step().count)) {
      for_keys(range, scratch, [&](const uint32_t* keys, const Tile& tile) {
        sample.insert(sample.end(), keys, keys + tile.n);
      });
    }
    selection_->bracket(sample);
    phase_ = Phase::select;
  }

  void select_block(const Range& range, Scratch& scratch) {
    SweepBlock block = begin_sweep_block(scratch);
    for_keys(range, scratch, [&](const uint32_t* keys, const Tile& tile) {
      add_keys(io_, *selection_, keys, tile.n, block);
    });
    end_sweep_block(io_, *selection_, range.index, std::move(block));
  }

  void end_sweep(Scratch& scratch) {
    const uint64_t block = selection_->advance();
    if (block != Selection::kNone) {
      const Range range = io_.range(block);
      for_keys(range, scratch, [&](const uint32_t* keys, const Tile& tile) {
        selection_->find_cut(keys, tile.n, range.first + tile.at);
      });
    }
    if (selection_->done()) phase_ = Phase::share;
  }

  // The mask of a tile, or null when every element is selected.
  const uint64_t* mask_of(const Range& range, const Tile& tile, Scratch& scratch) const {
    if (!selects_) return nullptr;
    auto* mask = scratch.take<uint64_t>(kMaskSlot, kTile / 64);
    std::fill(mask, mask + kTile / 64, uint64_t{0});
    if (none_) return mask;
    auto* keys = scratch.take<uint32_t>(kMagnitudeSlot, kTile);
    io_.kernels().sce_variance[tile.codec](
        {tile.inputs[0], tile.inputs.data() + 1, static_cast<uint32_t>(models_), tile.n, keys});
    const Threshold threshold = selection_->result();
    const uint32_t cut = threshold.cut_within(range.first + tile.at, tile.n);
    io_.kernels().keep_keys({keys, tile.n, threshold.key, cut, mask});
    return mask;
  }

  void share_block(const Range& range, Scratch& scratch) {
    std::vector<LaneSums> sums(models_);
    io_.for_tiles(range, kTile, order(), nullptr, scratch, [&](const Tile& tile) {
      const uint64_t* mask = mask_of(range, tile, scratch);
      for (size_t m = 0; m < models_; ++m) {
        io_.kernels().delta_squares[tile.codec](
            {tile.inputs[m + 1], tile.inputs[0], tile.n, mask, sums[m].lanes});
      }
    });
    for (size_t m = 0; m < models_; ++m) squares_[m][range.index] = fold(sums[m]);
  }

  void end_shares() {
    phase_ = Phase::merge;
    std::vector<double> means;
    double total = 0.0;
    for (const auto& blocks : squares_) {
      means.push_back(add_blocks(blocks) / static_cast<double>(io_.step().count));
      total = total + means.back();
    }
    for (const double mean : means) {
      const bool uniform = !(total >= kSmallShare);
      const double share = uniform ? 1.0 / static_cast<double>(models_) : mean / total;
      shares_.push_back(static_cast<float>(share));
    }
  }

  void merge_block(const Range& range, Scratch& scratch) {
    uint8_t* out = io_.begin_output(range, scratch);
    Nonfinite seen{};
    io_.for_tiles(range, selects_ ? kTile : range.n, order(), out, scratch, [&](const Tile& tile) {
      io_.kernels().sce[tile.codec]({tile.inputs[0], tile.inputs.data() + 1, shares_.data(),
                                     static_cast<uint32_t>(models_), mask_of(range, tile, scratch),
                                     io_.limit(), tile.out, tile.n, &seen});
    });
    io_.add_nonfinite(seen);
    io_.end_output(range, out, scratch);
  }

  size_t models_;
  bool collects_;
  float topk_;
  bool selects_;
  bool none_ = false;
  Phase phase_;
  std::mutex mutex_;
  uint64_t nonzero_ = 0;
  std::unique_ptr<Selection> selection_;
  std::vector<std::vector<double>> squares_;
  std::vector<float> shares_;
};

}  // namespace weightloom
