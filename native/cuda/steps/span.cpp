#include "../../engine/operations/span.h"

#include <algorithm>

#include "steps.h"
#include "sweep.h"

namespace weightloom::cuda {
namespace {

class SpanOn : public Span {
 public:
  SpanOn(StepIo& io, DeviceShare& share)
      : Span(io), chunks_(io, share.lanes, share.memory, needs()) {}

  // Column products are added row by row, which the CPU does as well.
  bool fits() const { return axis_ != Axis::columns && chunks_.fit(); }
  uint64_t blocks() const override { return chunks_.count(); }

  void run_block(uint64_t index, Scratch&) override {
    chunks_.run(index, [&](Chunk& chunk) {
      if (axis_ == Axis::rows) return rows_on(chunk);
      if (combining_) return combine_on(chunk, combination_, with_base_);
      products_on(chunk);
    });
  }

 private:
  Needs needs() const {
    const uint64_t sums = 8 * pairs_.size();
    if (axis_ != Axis::rows) {
      return {.bytes_each = sums / kBlock + 1, .bytes_fixed = sums, .arrays = 2, .again = true};
    }
    const uint64_t of_row = sums * ((width_ - 1) / kBlock + 1) + 4 * vectors_ + 4;
    return {
        .bytes_each = of_row / width_ + 1, .bytes_fixed = 2 * of_row, .arrays = 6, .row = width_};
  }

  GramLaunch gram_launch(Chunk& chunk, const Segments& segments, uint64_t lead) const {
    GramLaunch launch{};
    launch.segments = segments;
    launch.count = static_cast<uint32_t>(vectors_);
    for (size_t v = 0; v < vectors_; ++v) launch.vectors[v] = chunk.from(v, lead);
    launch.base = with_base_ ? chunk.from(vectors_, lead) : nullptr;
    launch.sums = chunk.lane().room_for<double>(pairs_.size() * segments.count);
    chunk.launch(chunk.device().kernels().gram[chunk.codec()], segments.count, launch);
    return launch;
  }

  void products_on(Chunk& chunk) {
    chunk.load_all();
    const Segments segments = blocks_of(chunk);
    const GramLaunch launch = gram_launch(chunk, segments, 0);
    const double* sums = chunk.results(launch.sums, pairs_.size() * segments.count);
    chunk.finish();
    for (size_t k = 0; k < pairs_.size(); ++k) {
      std::copy_n(sums + k * segments.count, segments.count,
                  products_[k].begin() + static_cast<std::ptrdiff_t>(chunk.range().index));
    }
  }

  void rows_on(Chunk& chunk) {
    chunk.load_all();
    const uint64_t n = chunk.wide().n - chunk.lead(), rows = n / width_;
    const auto pieces = static_cast<uint32_t>((width_ - 1) / kBlock + 1);
    const Segments segments{n, width_, pieces, static_cast<uint32_t>(rows * pieces)};
    const GramLaunch gram = gram_launch(chunk, segments, chunk.lead());
    const double* sums = chunk.results(gram.sums, pairs_.size() * segments.count);
    chunk.finish();
    std::vector<float> weights(rows * vectors_);
    std::vector<uint32_t> means(rows);
    for (uint64_t row = 0; row < rows; ++row) {
      const Combination c = combination_of_row(sums, segments, row);
      std::copy(c.weights.begin(), c.weights.end(),
                weights.begin() + static_cast<std::ptrdiff_t>(row * vectors_));
      means[row] = c.mean ? 1 : 0;
    }
    combine_rows(chunk, weights, means);
  }

  Combination combination_of_row(const double* sums, const Segments& segments, uint64_t row) const {
    Gram gram(vectors_);
    for (size_t k = 0; k < pairs_.size(); ++k) {
      double total = 0.0;
      for (uint32_t piece = 0; piece < segments.pieces; ++piece) {
        total = total + sums[k * segments.count + row * segments.pieces + piece];
      }
      gram.set(pairs_[k].i, pairs_[k].j, total);
    }
    return Span::combination_of(gram);
  }

  void combine_rows(Chunk& chunk, const std::vector<float>& weights,
                    const std::vector<uint32_t>& means) const {
    chunk.begin_output();
    RowLaunch launch{};
    launch.base = with_base_ ? chunk.own(vectors_) : nullptr;
    for (size_t v = 0; v < vectors_; ++v) launch.inputs[v] = chunk.own(v);
    launch.count = static_cast<uint32_t>(vectors_);
    launch.weights = chunk.lane().upload_array(weights.data(), weights.size());
    launch.means = chunk.lane().upload_array(means.data(), means.size());
    launch.first = chunk.range().first - chunk.wide().first - chunk.lead();
    launch.width = width_;
    launch.limit = chunk.limit();
    launch.out = chunk.output();
    launch.n = chunk.range().n;
    launch.nonfinite = chunk.nonfinite();
    chunk.launch(chunk.device().kernels().linear_rows[chunk.codec()],
                 std::min<uint64_t>(means.size(), kMostBlocks), launch);
    chunk.end_output();
  }

  Chunks chunks_;
};

}  // namespace

std::unique_ptr<RunningStep> make_span_on(StepIo& io, DeviceShare& share) {
  return make_fitting<SpanOn>(io, share);
}

}  // namespace weightloom::cuda
