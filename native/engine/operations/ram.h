// ram: one pass; with boosting (ramplus_tl) a pass of counting before it. See kernels/ram.h.
#pragma once

#include <algorithm>
#include <mutex>
#include <numeric>

#include "operation.h"

namespace weightloom {

class Ram : public RunningStep {
 public:
  explicit Ram(StepIo& io) : RunningStep(io), models_(io.step().inputs.size() - 1) {
    const auto& p = io.step().parameters;
    epsilon_ = static_cast<float>(p[0]);
    counting_ = p[1] != 0;
    r_ = static_cast<float>(p[2]);
    alpha_ = static_cast<float>(p[3]);
    boosts_.assign(models_, 1.0f);
    shared_.assign(models_, 0);
    unique_.assign(models_, 0);
  }

  void run_block(uint64_t block, Scratch& scratch) override {
    const Range range = io_.range(block);
    if (counting_) return count_block(range, scratch);
    uint8_t* out = io_.begin_output(range, scratch);
    Nonfinite seen{};
    io_.for_tiles(range, range.n, order(), out, scratch, [&](const Tile& tile) {
      io_.kernels().ram[tile.codec]({tile.inputs[0], tile.inputs.data() + 1, boosts_.data(),
                                     static_cast<uint32_t>(models_), epsilon_, io_.limit(),
                                     tile.out, tile.n, &seen});
    });
    io_.add_nonfinite(seen);
    io_.end_output(range, out, scratch);
  }

  bool ready() const override { return !counting_; }

  bool advance(Scratch&) override {
    if (!counting_) return false;
    counting_ = false;
    for (size_t m = 0; m < models_; ++m) {
      const float unique = std::max(static_cast<float>(unique_[m]), epsilon_);
      const float ratio = static_cast<float>(shared_[m]) / unique;
      const float held = std::min(ratio, alpha_);
      const float extra = r_ * held;
      boosts_[m] = 1.0f + extra;
    }
    return true;
  }

 protected:
  std::vector<size_t> order() const {
    std::vector<size_t> all(models_ + 1);
    std::iota(all.begin(), all.end(), size_t{0});
    return all;
  }

  void count_block(const Range& range, Scratch& scratch) {
    std::vector<uint64_t> shared(models_), unique(models_);
    io_.for_tiles(range, range.n, order(), nullptr, scratch, [&](const Tile& tile) {
      io_.kernels().ram_count[tile.codec]({tile.inputs[0], tile.inputs.data() + 1,
                                           static_cast<uint32_t>(models_), epsilon_, tile.n,
                                           shared.data(), unique.data()});
    });
    const std::lock_guard lock(mutex_);
    for (size_t m = 0; m < models_; ++m) {
      shared_[m] += shared[m];
      unique_[m] += unique[m];
    }
  }

  size_t models_;
  bool counting_;
  float epsilon_, r_, alpha_;
  std::vector<float> boosts_;
  std::mutex mutex_;
  std::vector<uint64_t> shared_, unique_;
};

}  // namespace weightloom
