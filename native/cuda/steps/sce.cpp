#include "../../engine/operations/sce.h"

#include <algorithm>

#include "steps.h"
#include "sweep.h"

namespace weightloom::cuda {
namespace {

class SceOn : public Sce {
 public:
  SceOn(StepIo& io, DeviceShare& share)
      : Sce(io, false), chunks_(io, share.lanes, share.memory, needs()) {}

  bool fits() const { return chunks_.fit(); }
  uint64_t blocks() const override { return chunks_.count(); }

  void run_block(uint64_t index, Scratch&) override {
    chunks_.run(index, [&](Chunk& chunk) {
      chunk.load_all();
      switch (phase_) {
        case Phase::count:
          return count_on(chunk);
        case Phase::select:
          return select_on(chunk);
        case Phase::share:
          return share_on(chunk);
        case Phase::merge:
          return merge_on(chunk);
      }
    });
  }

 private:
  Needs needs() const {
    return {.bytes_each = 4 + 1 + models_ * 8 / kBlock + 1,
            .bytes_fixed = SweepOn::kRoom + models_ * 64,
            .arrays = 4 + models_,
            .again = true};
  }

  const uint32_t* keys_of(Chunk& chunk) const {
    const uint64_t n = chunk.range().n;
    auto* keys = chunk.lane().room_for<uint32_t>(n + 8);
    VarianceLaunch launch{};
    launch.args = {
        .base = chunk.own(0), .input_count = static_cast<uint32_t>(models_), .n = n, .keys = keys};
    for (size_t m = 0; m < models_; ++m) launch.inputs[m] = chunk.own(m + 1);
    chunk.walk(chunk.device().kernels().sce_variance[chunk.codec()], n, launch);
    return keys;
  }

  void count_on(Chunk& chunk) {
    const uint64_t n = chunk.range().n, blocks = (n + kBlock - 1) / kBlock;
    const uint32_t* keys = keys_of(chunk);
    auto* counts = chunk.lane().room_for<uint32_t>(blocks);
    auto* above = chunk.lane().room_for<uint64_t>(1);
    chunk.lane().clear(counts, blocks * sizeof(uint32_t));
    chunk.lane().clear(above, sizeof(uint64_t));
    chunk.launch(chunk.device().kernels().count_keys, blocks,
                 KeysLaunch{keys, n, 1, 0xFFFFFFFFu, 0, counts, above});
    const uint32_t* found = chunk.results(counts, blocks);
    chunk.finish();
    const std::lock_guard lock(mutex_);
    for (uint64_t i = 0; i < blocks; ++i) nonzero_ += found[i];
  }

  void select_on(Chunk& chunk) {
    SweepOn sweep(chunk, *selection_, keys_of(chunk));
    chunk.finish();
    sweep.hand_in();
  }

  // Of what is selected; null when everything is.
  const uint64_t* mask_on(Chunk& chunk) const {
    if (!selects_) return nullptr;
    const uint64_t words = mask_words(chunk.range().n);
    auto* mask = chunk.lane().room_for<uint64_t>(words);
    if (none_) {
      chunk.lane().clear(mask, words * 8);
    } else {
      keep_on(chunk, selection_->result(), keys_of(chunk), mask);
    }
    return mask;
  }

  void share_on(Chunk& chunk) {
    const Segments segments = blocks_of(chunk);
    const uint64_t* mask = mask_on(chunk);
    std::vector<const double*> sums;
    for (size_t m = 0; m < models_; ++m) {
      auto* to = chunk.lane().room_for<double>(segments.count);
      chunk.launch(chunk.device().kernels().delta_squares[chunk.codec()], segments.count,
                   DeltaSumLaunch{segments, chunk.own(m + 1), chunk.own(0), mask, to});
      sums.push_back(chunk.results(to, segments.count));
    }
    chunk.finish();
    for (size_t m = 0; m < models_; ++m) {
      std::copy_n(sums[m], segments.count,
                  squares_[m].begin() + static_cast<std::ptrdiff_t>(chunk.range().index));
    }
  }

  void merge_on(Chunk& chunk) const {
    chunk.begin_output();
    SceLaunch launch{};
    launch.args = {.base = chunk.own(0),
                   .input_count = static_cast<uint32_t>(models_),
                   .mask = mask_on(chunk),
                   .limit = chunk.limit(),
                   .out = chunk.output(),
                   .n = chunk.range().n,
                   .nonfinite = chunk.nonfinite()};
    for (size_t m = 0; m < models_; ++m) launch.inputs[m] = chunk.own(m + 1);
    std::copy(shares_.begin(), shares_.end(), launch.shares);
    chunk.walk(chunk.device().kernels().sce[chunk.codec()], chunk.range().n, launch);
    chunk.end_output();
  }

  Chunks chunks_;
};

}  // namespace

std::unique_ptr<RunningStep> make_sce_on(StepIo& io, DeviceShare& share) {
  return make_fitting<SceOn>(io, share);
}

}  // namespace weightloom::cuda
