// task: the task-arithmetic family. Phases, each only when needed:
//   select    exact thresholds of all trimmed models, in the same sweeps
//   rescale   L1 norms of the deltas before and after their masks
//   merge     masks again, tile by tile, and the task_arithmetic or ties kernel
#include <algorithm>
#include <cmath>

#include "../lane_sums.h"
#include "../select.h"
#include "operation.h"

namespace weightloom {
namespace {

constexpr double kSmallSum = 1e-7;
constexpr uint32_t kSparsifyPurpose = 0;

enum class Keep { all, magnitude, random };

struct Model {
  float weight;
  Keep keep;
  uint64_t amount;  // magnitude: elements to keep; random: threshold
  uint32_t position;
  float rescale = 1.0f;
  std::unique_ptr<Selection> selection;
  std::vector<double> sums, kept_sums;
};

class Task : public RunningStep {
 public:
  explicit Task(StepIo& io) : RunningStep(io) {
    const auto& p = io.step().parameters;
    consensus_ = p[0] != 0;
    normalize_ = p[1] != 0;
    divisor_ = static_cast<float>(p[2]);
    lambda_ = static_cast<float>(p[3]);
    rescale_ = p[4] != 0;
    key_[0] = static_cast<uint32_t>(p[5]);
    key_[1] = static_cast<uint32_t>(p[6]);
    for (size_t i = 7; i < p.size(); i += 4) add_model(&p[i]);
    phase_ = next_phase(Phase::start);
  }

  void run_block(const Range& range, Scratch& scratch) override {
    switch (phase_) {
      case Phase::start: break;
      case Phase::select: return select_block(range, scratch);
      case Phase::rescale: return rescale_block(range, scratch);
      case Phase::merge: return merge_block(range, scratch);
    }
  }

  bool advance(Scratch& scratch) override {
    if (phase_ == Phase::merge) return false;
    if (phase_ == Phase::select) end_sweep(scratch);
    if (phase_ == Phase::rescale) end_rescale();
    phase_ = next_phase(phase_);
    return true;
  }

 private:
  enum class Phase { start, select, rescale, merge };

  void add_model(const double* p) {
    Model model{};
    model.weight = static_cast<float>(p[0]);
    model.keep = static_cast<Keep>(static_cast<int>(p[1]));
    model.amount = static_cast<uint64_t>(p[2]);
    model.position = static_cast<uint32_t>(p[3]);
    const uint64_t count = io_.step().count;
    if (model.keep == Keep::magnitude && model.amount >= count) model.keep = Keep::all;
    if (model.keep == Keep::magnitude) {
      model.selection = std::make_unique<Selection>(std::max<uint64_t>(model.amount, 1), count,
                                                    io_.block_count());
    }
    if (model.keep != Keep::all && rescale_) {
      model.sums.resize(io_.block_count());
      model.kept_sums.resize(io_.block_count());
    }
    weights_.push_back(model.weight);
    models_.push_back(std::move(model));
  }

  bool selecting() const {
    return std::any_of(models_.begin(), models_.end(), [](const Model& m) {
      return m.selection != nullptr && !m.selection->done();
    });
  }
  bool masked() const {
    return std::any_of(models_.begin(), models_.end(),
                       [](const Model& m) { return m.keep != Keep::all; });
  }

  Phase next_phase(Phase after) const {
    if (after <= Phase::select && selecting()) return Phase::select;
    if (after <= Phase::select && rescale_ && masked()) return Phase::rescale;
    return Phase::merge;
  }

  // Keys of model m's deltas in a tile whose inputs are {x, base}.
  const uint32_t* keys(const Tile& tile, Scratch& scratch) const {
    auto* out = scratch.take<uint32_t>(kMagnitudeSlot, kTile);
    io_.kernels().delta_magnitude[tile.codec]({tile.inputs[0], tile.inputs[1], tile.n, out});
    return out;
  }

  void select_block(const Range& range, Scratch& scratch) {
    for (size_t m = 0; m < models_.size(); ++m) {
      Selection* selection = models_[m].selection.get();
      if (selection == nullptr || selection->done()) continue;
      auto* bins = scratch.take<uint32_t>(kBinSlot, Selection::kBins);
      std::fill(bins, bins + Selection::kBins, 0u);
      io_.for_tiles(range, kTile, {m + 1, 0}, nullptr, scratch, [&](const Tile& tile) {
        selection->count(keys(tile, scratch), tile.n, bins);
      });
      selection->finish_block(range.index, bins);
    }
  }

  void end_sweep(Scratch& scratch) {
    for (size_t m = 0; m < models_.size(); ++m) {
      Selection* selection = models_[m].selection.get();
      if (selection == nullptr || selection->done()) continue;
      const uint64_t block = selection->advance();
      if (block == Selection::kNone) continue;
      const Range range = io_.range(block);
      io_.for_tiles(range, kTile, {m + 1, 0}, nullptr, scratch, [&](const Tile& tile) {
        selection->find_cut(keys(tile, scratch), tile.n, range.first + tile.at);
      });
    }
  }

  void fill_mask(const Model& model, const Range& range, const Tile& tile, const void* x,
                 const void* base, uint64_t* mask) const {
    const uint64_t first = range.first + tile.at;
    if (model.keep == Keep::random) {
      io_.kernels().keep_random({{key_[0], key_[1]},
                                 first,
                                 model.position,
                                 kSparsifyPurpose,
                                 model.amount,
                                 tile.n,
                                 mask});
      return;
    }
    const uint64_t cut = model.selection->cut();
    const uint64_t local = cut <= first ? 0 : std::min<uint64_t>(cut - first, tile.n);
    io_.kernels().keep_magnitude[tile.codec]({x, base, tile.n, model.selection->threshold(),
                                              static_cast<uint32_t>(local), mask});
  }

  void rescale_block(const Range& range, Scratch& scratch) {
    auto* mask = scratch.take<uint64_t>(kMaskSlot, kTile / 64);
    for (size_t m = 0; m < models_.size(); ++m) {
      Model& model = models_[m];
      if (model.keep == Keep::all) continue;
      LaneSums all, kept;
      io_.for_tiles(range, kTile, {m + 1, 0}, nullptr, scratch, [&](const Tile& tile) {
        fill_mask(model, range, tile, tile.inputs[0], tile.inputs[1], mask);
        io_.kernels().delta_sum[tile.codec](
            {tile.inputs[0], tile.inputs[1], tile.n, mask, all.lanes, kept.lanes});
      });
      model.sums[range.index] = fold(all);
      model.kept_sums[range.index] = fold(kept);
    }
  }

  void end_rescale() {
    for (Model& model : models_) {
      if (model.keep == Keep::all) continue;
      const double before = add_blocks(model.sums), after = add_blocks(model.kept_sums);
      const double ratio = before / after;
      if (before >= kSmallSum && after >= kSmallSum && std::isfinite(ratio)) {
        model.rescale = static_cast<float>(ratio);
      }
    }
  }

  void merge_block(const Range& range, Scratch& scratch) {
    std::vector<size_t> inputs(models_.size() + 1);
    for (size_t i = 0; i < inputs.size(); ++i) inputs[i] = i;
    std::vector<float> rescales;
    for (const Model& model : models_) rescales.push_back(model.rescale);
    const bool with_masks = masked();
    auto* masks = scratch.take<uint64_t>(kMaskSlot, models_.size() * (kTile / 64));
    std::vector<const uint8_t*> mask_of(models_.size());
    uint8_t* out = io_.begin_output(range, scratch);
    Nonfinite seen{};
    const auto& kernels = io_.kernels();
    io_.for_tiles(range, with_masks ? kTile : range.n, inputs, out, scratch, [&](const Tile& tile) {
      for (size_t m = 0; m < models_.size(); ++m) {
        if (models_[m].keep == Keep::all) continue;
        uint64_t* mask = masks + m * (kTile / 64);
        fill_mask(models_[m], range, tile, tile.inputs[m + 1], tile.inputs[0], mask);
        mask_of[m] = reinterpret_cast<const uint8_t*>(mask);
      }
      const TaskArgs args{tile.inputs[0],  tile.inputs.data() + 1, weights_.data(),
                          rescales.data(), mask_of.data(),         static_cast<uint32_t>(models_.size()),
                          with_masks,      rescale_ && with_masks, normalize_,
                          divisor_,        lambda_,                io_.limit(),
                          tile.out,        tile.n,                 &seen};
      (consensus_ ? kernels.ties : kernels.task_arithmetic)[tile.codec](args);
    });
    io_.add_nonfinite(seen);
    io_.end_output(range, out);
  }

  bool consensus_, normalize_, rescale_;
  float divisor_, lambda_;
  uint32_t key_[2];
  std::vector<Model> models_;
  std::vector<float> weights_;
  Phase phase_;
};

}  // namespace

std::unique_ptr<RunningStep> make_task(StepIo& io) { return std::make_unique<Task>(io); }

}  // namespace weightloom
