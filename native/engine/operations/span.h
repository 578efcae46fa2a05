// span: a linear combination whose coefficients come from the Gram matrix of the inputs (or of
// their deltas to a base). Over the whole tensor: a phase of dot products, then the weighted sum.
// Over rows: each row is a vector of its own, so both happen row by row within a block; a row that
// crosses a block's edge is reduced by both blocks. Over columns: a phase of column products.
#pragma once

#include <algorithm>
#include <cmath>

#include "../gram.h"
#include "../lane_sums.h"
#include "weighted_sum.h"

namespace weightloom {

enum class Axis { all = 0, rows = 1, columns = 2 };

class Span : public RunningStep {
 public:
  explicit Span(StepIo& io) : RunningStep(io) {
    const auto& p = io.step().parameters;
    sphere_ = static_cast<Sphere>(static_cast<int>(p[0]));
    axis_ = static_cast<Axis>(static_cast<int>(p[1]));
    width_ = std::max<uint64_t>(static_cast<uint64_t>(p[2]), 1);
    with_base_ = p[3] != 0;
    parameters_.assign(p.begin() + 4, p.end());
    vectors_ = io.step().inputs.size() - (with_base_ ? 1 : 0);
    for (size_t i = 0; i < vectors_; ++i) {
      for (size_t j = i; j < vectors_; ++j) pairs_.push_back({i, j});
    }
    if (axis_ == Axis::all) products_.assign(pairs_.size(), std::vector<double>(io.block_count()));
    if (axis_ == Axis::columns) begin_columns();
    combining_ = axis_ == Axis::rows;
  }

  uint64_t blocks() const override {
    if (axis_ == Axis::columns && !combining_) return (width_ + kColumns - 1) / kColumns;
    return io_.block_count();
  }

  void run_block(uint64_t block, Scratch& scratch) override {
    if (axis_ == Axis::columns && !combining_) return reduce_columns(block, scratch);
    const Range range = io_.range(block);
    if (axis_ == Axis::columns) return combine_columns(range, scratch);
    if (axis_ == Axis::rows) return run_rows(range, scratch);
    if (combining_) return run_combination(range, scratch);
    const auto sums = products(range, scratch);
    for (size_t k = 0; k < sums.size(); ++k) products_[k][block] = fold(sums[k]);
  }

  bool ready() const override { return combining_; }

  bool advance(Scratch&) override {
    if (combining_) return false;
    combining_ = true;
    if (axis_ == Axis::columns) return true;
    Gram gram(vectors_);
    for (size_t k = 0; k < pairs_.size(); ++k) {
      gram.set(pairs_[k].i, pairs_[k].j, add_blocks(products_[k]));
    }
    combination_ = combination_of(gram);
    return true;
  }

 protected:
  static constexpr uint64_t kColumns = 1024;
  struct Pair {
    size_t i, j;
  };

  std::vector<size_t> input_order() const {
    std::vector<size_t> order(io_.step().inputs.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    return order;
  }
  const void* base_of(const Tile& tile) const {
    return with_base_ ? tile.inputs[vectors_] : nullptr;
  }

  std::vector<LaneSums> products(const Range& range, Scratch& scratch) const {
    std::vector<LaneSums> sums(pairs_.size());
    io_.for_tiles(range, kTile, input_order(), nullptr, scratch, [&](const Tile& tile) {
      io_.kernels().gram[tile.codec]({tile.inputs.data(), static_cast<uint32_t>(vectors_),
                                      base_of(tile), tile.n, sums[0].lanes});
    });
    return sums;
  }

  Combination combination_of(const Gram& gram) const {
    const Coefficients c = coefficients_of(sphere_, gram, parameters_);
    Combination out;
    for (const double weight : c.weights) out.weights.push_back(static_cast<float>(weight));
    out.mean = c.mean;
    return out;
  }

  void run_combination(const Range& range, Scratch& scratch) const {
    uint8_t* out = io_.begin_output(range, scratch);
    Nonfinite seen{};
    combine(combination_, range, out, scratch, seen);
    io_.add_nonfinite(seen);
    io_.end_output(range, out, scratch);
  }

  // Writes the combination of a range that lies within one block to `out`.
  void combine(const Combination& c, const Range& range, uint8_t* out, Scratch& scratch,
               Nonfinite& seen) const {
    const auto count = static_cast<uint32_t>(vectors_);
    io_.for_tiles(range, range.n, input_order(), out, scratch, [&](const Tile& tile) {
      if (!with_base_) {
        io_.kernels().linear[tile.codec]({tile.inputs.data(), c.weights.data(), count, false,
                                          c.mean, 1.0f, io_.limit(), tile.out, tile.n, &seen,
                                          tile.past_cache});
        return;
      }
      io_.kernels().task_arithmetic[tile.codec]({.base = base_of(tile),
                                                 .inputs = tile.inputs.data(),
                                                 .weights = c.weights.data(),
                                                 .input_count = count,
                                                 .divisor = 1.0f,
                                                 .lambda = 1.0f,
                                                 .limit = io_.limit(),
                                                 .out = tile.out,
                                                 .n = tile.n,
                                                 .nonfinite = &seen,
                                                 .past_cache = tile.past_cache});
    });
  }

  Gram row_gram(uint64_t row, Scratch& scratch) const {
    std::vector<double> totals(pairs_.size(), 0.0);
    const uint64_t end = (row + 1) * width_;
    for (uint64_t first = row * width_; first < end; first += kBlock) {
      const auto n = static_cast<size_t>(std::min(kBlock, end - first));
      const auto sums = products({0, first, n}, scratch);
      for (size_t k = 0; k < sums.size(); ++k) totals[k] = totals[k] + fold(sums[k]);
    }
    Gram gram(vectors_);
    for (size_t k = 0; k < pairs_.size(); ++k) gram.set(pairs_[k].i, pairs_[k].j, totals[k]);
    return gram;
  }

  void run_rows(const Range& range, Scratch& scratch) const {
    uint8_t* out = io_.begin_output(range, scratch);
    Nonfinite seen{};
    const uint64_t end = range.first + range.n;
    for (uint64_t first = range.first; first < end;) {
      const uint64_t row = first / width_;
      const uint64_t stop = std::min(end, (row + 1) * width_);
      const Combination c = combination_of(row_gram(row, scratch));
      const Range part{range.index, first, static_cast<size_t>(stop - first)};
      combine(c, part, out + io_.bytes_of(first - range.first), scratch, seen);
      first = stop;
    }
    io_.add_nonfinite(seen);
    io_.end_output(range, out, scratch);
  }

  void begin_columns() {
    products_.assign(pairs_.size(), std::vector<double>(width_, 0.0));
    column_weights_.assign(vectors_, std::vector<float>(width_));
    column_means_.assign(width_, 0.0f);
  }

  // Products of a band of columns over all rows, added row by row; then their weights.
  void reduce_columns(uint64_t band, Scratch& scratch) {
    const uint64_t from = band * kColumns;
    const auto n = static_cast<size_t>(std::min(kColumns, width_ - from));
    const uint64_t rows = io_.step().count / width_;
    for (uint64_t row = 0; row < rows; ++row) {
      const Range slice{0, row * width_ + from, n};
      for (size_t k = 0; k < vectors_; ++k) decode_slice(k, slice, scratch);
      add_products(from, n, scratch);
    }
    for (size_t j = 0; j < n; ++j) {
      Gram gram(vectors_);
      for (size_t k = 0; k < pairs_.size(); ++k) {
        gram.set(pairs_[k].i, pairs_[k].j, products_[k][from + j]);
      }
      const Combination c = combination_of(gram);
      for (size_t k = 0; k < vectors_; ++k) column_weights_[k][from + j] = c.weights[k];
      column_means_[from + j] = c.mean ? 1.0f : 0.0f;
    }
  }

  float* decoded(size_t input, Scratch& scratch) const {
    return scratch.take<float>(kInputSlots + 2 * input + 1, kTile);
  }

  // Input k of the slice as f32, less the base where there is one.
  void decode_slice(size_t k, const Range& slice, Scratch& scratch) const {
    const auto decode = [&](size_t input) {
      const int codec = io_.step().inputs[input].codec;
      float* to = decoded(input, scratch);
      io_.kernels().decode[codec]({io_.input(input, slice, scratch), to, slice.n});
      return to;
    };
    float* x = decode(k);
    if (!with_base_) return;
    const float* base = decode(vectors_);
    for (size_t i = 0; i < slice.n; ++i) x[i] = x[i] - base[i];
  }

  void add_products(uint64_t from, size_t n, Scratch& scratch) {
    for (size_t k = 0; k < pairs_.size(); ++k) {
      const float* x = decoded(pairs_[k].i, scratch);
      const float* y = decoded(pairs_[k].j, scratch);
      double* sums = products_[k].data() + from;
      for (size_t j = 0; j < n; ++j) {
        sums[j] = sums[j] + static_cast<double>(x[j]) * static_cast<double>(y[j]);
      }
    }
  }

  void combine_columns(const Range& range, Scratch& scratch) const {
    uint8_t* out = io_.begin_output(range, scratch);
    Nonfinite seen{};
    const uint64_t end = range.first + range.n;
    for (uint64_t first = range.first; first < end;) {
      const uint64_t column = first % width_;
      const uint64_t stop = std::min({end, first + (width_ - column)});
      const Range part{range.index, first, static_cast<size_t>(stop - first)};
      uint8_t* to = out + io_.bytes_of(first - range.first);
      io_.for_tiles(part, part.n, input_order(), to, scratch, [&](const Tile& tile) {
        std::vector<const float*> weights;
        for (const auto& each : column_weights_) weights.push_back(each.data() + column + tile.at);
        io_.kernels().linear_columns[tile.codec]({base_of(tile), tile.inputs.data(), weights.data(),
                                                  column_means_.data() + column + tile.at,
                                                  static_cast<uint32_t>(vectors_), io_.limit(),
                                                  tile.out, tile.n, &seen});
      });
      first = stop;
    }
    io_.add_nonfinite(seen);
    io_.end_output(range, out, scratch);
  }

  Sphere sphere_;
  Axis axis_;
  uint64_t width_;
  bool with_base_;
  bool combining_ = false;
  size_t vectors_;
  std::vector<Pair> pairs_;
  std::vector<double> parameters_;
  std::vector<std::vector<double>> products_;
  std::vector<std::vector<float>> column_weights_;
  std::vector<float> column_means_;
  Combination combination_;
};

}  // namespace weightloom
