// Steps of every operation, as the planner writes them; parameters as in lib/run/wire.ts.
#pragma once

#include <algorithm>
#include <cmath>

#include "job_fixture.h"

namespace weightloom_test {

using weightloom::Operation;

// Adds steps of one size and output codec. With mixed codecs the inputs differ from the output.
class StepsOfSize {
 public:
  StepsOfSize(Layout& layout, int codec, bool mixed, size_t count)
      : layout_(layout), codec_(codec), mixed_(mixed), count_(count), width_(width_of(count)) {}

  void add_all() {
    add_plain();
    add_spans();
    add_tasks();
    add_others();
  }

 private:
  // A row length that divides the count: short rows where there are any, else a single row.
  static double width_of(size_t count) {
    for (const size_t width : {750, 256, 21}) {
      if (count != 0 && count % width == 0) return static_cast<double>(width);
    }
    return static_cast<double>(std::max<size_t>(count, 1));
  }

  void add(Operation operation, std::vector<int> codecs, std::vector<double> parameters) {
    if (!mixed_) std::fill(codecs.begin(), codecs.end(), codec_);
    layout_.step(operation, codec_, count_, codecs, std::move(parameters));
  }

  void add_plain() {
    layout_.step(Operation::copy, codec_, count_, {codec_}, {});
    layout_.step(Operation::same, codec_, count_, {codec_, codec_, codec_}, {}, true);
    add(Operation::linear, {0, 2, 3}, {1, 0.9, 0, 0.5, -0.25, 0.65});
    add(Operation::linear, {4, 1}, {0, 1, 1, 0.5, 0.5});
  }

  // sphere, axis, width, base or not, the sphere's own
  void add_spans() {
    add(Operation::span, {2, 0}, {0, 0, width_, 0, 0.35});
    add(Operation::span, {1, 2}, {1, 1, width_, 0, 0.6});
    add(Operation::span, {0, 1, 3}, {1, 2, width_, 1, 0.25});
    add(Operation::span, {0, 2, 1, 2}, {2, 0, width_, 1, 1e-8, 0.5, 0.2, 0.3});
    add(Operation::span, {0, 2, 1}, {3, 0, width_, 0, 10, 1e-5});
    add(Operation::span, {0, 2, 1}, {4, 1, width_, 1});
    add(Operation::span, {4, 2, 0}, {4, 2, width_, 0});
  }

  // consensus, normalize, divisor, lambda, rescale, key, torch with seed and offset, width; then
  // for each model weight, kind of sparsification with three numbers, factor
  void add_tasks() {
    const double some = std::floor(static_cast<double>(count_) * 0.4);
    add(Operation::task, {0, 1, 2},
        {0, 1, 1.5, 0.7, 0, 1, 2, 0, 0, 0, width_, 0.6, 0, 0, 0, 0, 1, 0.9, 0, 0, 0, 0, 1});
    add(Operation::task, {2, 0, 4, 1}, {1, 1, 1,   1, 1, 1, 2, 0, 0, 0, width_, 0.6, 1, some, 0,
                                        0, 1, 0.9, 1, 1, 0, 0, 1, 1, 0, 0,      0,   0, 1});
    add(Operation::task, {1, 3, 2},
        {0, 0, 1, 1.2, 1, 77,  88,  0, 0,  0, width_, 1, 2, 2147483648.0,
         0, 0, 1, 0.5, 4, 0.2, 0.5, 3, 1.7});
    add(Operation::task, {0, 0, 1},
        {1,    0, 1, 1,   0, 77, 88,   0, 0, 0, width_, 1, 3, std::floor(some / 8),
         some, 0, 1, 0.5, 3, 0,  some, 0, 1});
    add(Operation::task, {0, 1, 1},
        {1, 2, 1, 1, 1, 77, 88, 0, 0, 0, width_, 1, 5, 2, 10, 0, 1, 0.5, 6, 0.3, 0.5, 1, 1});
    if (count_ > 0) {
      add(Operation::census, {1, 0}, {1, std::max(1.0, some), 0, static_cast<double>(count_)});
      add(Operation::task, {0, 2, 1},
          {1, 0, 1, 1, 1, 0, 0, 0, 0, 0, width_, 0.6, 7, 0, 0.0, 0, 1, 0.5, 7, 0, 3.0, 0, 1});
    }
    const double offset = layout_.torch_offset(2 * count_);
    add(Operation::task, {0, 2, 1}, {0, 0,         1, 1, 0, 0,   0, 1,   42,  offset, width_, 1,
                                     2, 8388608.0, 0, 0, 2, 0.5, 4, 0.3, 0.4, 0,      2});
  }

  void add_others() {
    add(Operation::nearswap, {2, 0}, {0.01});
    add(Operation::ram, {0, 1, 2}, {1e-5, 0, 0, 0});
    add(Operation::ram, {0, 1, 2, 0}, {1e-2, 1, 0.5, 0.9});
    add(Operation::sce, {0, 1, 2}, {0.3});
    add(Operation::sce, {2, 2, 0}, {1});
    add(Operation::arcee_fusion, {1, 0}, {width_});
  }

  Layout& layout_;
  int codec_;
  bool mixed_;
  size_t count_;
  double width_;
};

inline void add_steps(Layout& layout, int codec, bool mixed, size_t count) {
  StepsOfSize(layout, codec, mixed, count).add_all();
}

// Small tensors of every codec, large ones (around and over a block) of two.
inline Layout all_steps(uint64_t seed, bool tame) {
  Layout layout(seed, tame);
  for (const size_t count : {0, 1, 63, 4200}) {
    for (const int codec : {0, 1, 2}) add_steps(layout, codec, false, count);
    add_steps(layout, 2, true, count);
  }
  add_steps(layout, 1, false, 65'537);
  add_steps(layout, 2, true, 132'000);
  return layout;
}

inline bool same_counts(const weightloom::StepResult& a, const weightloom::StepResult& b) {
  return std::memcmp(&a.nonfinite, &b.nonfinite, sizeof(weightloom::Nonfinite)) == 0;
}

}  // namespace weightloom_test
