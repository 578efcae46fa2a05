#include "../../engine/operations/arcee_fusion.h"

#include <algorithm>

#include "steps.h"
#include "sweep.h"

namespace weightloom::cuda {
namespace {

constexpr uint32_t kUnknown = 0xFFFFFFFFu;

class ArceeFusionOn : public ArceeFusion {
 public:
  ArceeFusionOn(StepIo& io, DeviceShare& share)
      : ArceeFusion(io, false), chunks_(io, share.lanes, share.memory, needs()) {}

  bool fits() const { return chunks_.fit(); }
  uint64_t blocks() const override { return chunks_.count(); }

  void run_block(uint64_t index, Scratch&) override {
    chunks_.run(index, [&](Chunk& chunk) {
      chunk.load_all();
      switch (phase_) {
        case Phase::divergence:
          return diverge_on(chunk);
        case Phase::select:
          return select_on(chunk);
        case Phase::merge:
          return merge_on(chunk);
      }
    });
  }

 private:
  Needs needs() const {
    return {.bytes_each = 16 + 4 / width_ + 1,
            .bytes_fixed = 3 * SweepOn::kRoom + 64,
            .arrays = 12,
            .row = width_};
  }

  // A row that two chunks meet is of the one in which it begins.
  void diverge_on(Chunk& chunk) {
    const uint64_t n = chunk.wide().n - chunk.lead(), rows = (n + width_ - 1) / width_;
    auto* room = chunk.lane().room_for<double>(2 * n);
    auto* divergences = chunk.lane().room_for<float>(rows);
    chunk.launch(chunk.device().kernels().divergence[chunk.codec()],
                 std::min<uint64_t>(rows, kMostBlocks),
                 DivergenceLaunch{chunk.from(0, chunk.lead()), chunk.from(1, chunk.lead()), width_,
                                  n, room, divergences});
    const float* made = chunk.results(divergences, rows);
    chunk.finish();
    const uint64_t first = chunk.wide().first + chunk.lead();
    for (uint64_t row = 0; row < rows; ++row) {
      const uint64_t begin = first + row * width_;
      if (begin >= chunk.range().first) divergences_[begin / width_] = made[row];
    }
  }

  const uint32_t* keys_of(Chunk& chunk, uint32_t unknown) const {
    const Range& range = chunk.range();
    const uint64_t row = range.first / width_;
    const uint64_t rows = (range.first + range.n - 1) / width_ - row + 1;
    auto* keys = chunk.lane().room_for<uint32_t>(range.n + 8);
    const float* divergences = chunk.lane().upload_array(&divergences_[row], rows);
    chunk.walk(chunk.device().kernels().importance[chunk.codec()], range.n,
               ImportanceLaunch{chunk.own(0), chunk.own(1), range.first - row * width_, width_,
                                range.n, divergences, unknown, keys});
    return keys;
  }

  void select_on(Chunk& chunk) {
    const uint32_t* keys = keys_of(chunk, kUnknown);
    std::vector<SweepOn> sweeps;
    for (const auto& quantile : quantiles_) {
      if (!quantile->counted()) sweeps.emplace_back(chunk, *quantile, keys);
    }
    chunk.finish();
    for (SweepOn& each : sweeps) each.hand_in();
  }

  // A NaN chooses nothing, neither as an importance nor as the threshold.
  void merge_on(Chunk& chunk) const {
    chunk.begin_output();
    const uint64_t n = chunk.range().n, words = mask_words(n);
    auto* mask = chunk.lane().room_for<uint64_t>(words);
    if (threshold_ == kUnknown) {
      chunk.lane().clear(mask, words * 8);
    } else {
      keep_on(chunk, {threshold_, io_.step().count}, keys_of(chunk, 0), mask);
    }
    chunk.walk(chunk.device().kernels().choose[chunk.codec()], n,
               ChooseArgs{chunk.own(0), chunk.own(1), mask, chunk.limit(), chunk.output(), n,
                          chunk.nonfinite()});
    chunk.end_output();
  }

  Chunks chunks_;
};

}  // namespace

std::unique_ptr<RunningStep> make_arcee_fusion_on(StepIo& io, DeviceShare& share) {
  return make_fitting<ArceeFusionOn>(io, share);
}

}  // namespace weightloom::cuda
