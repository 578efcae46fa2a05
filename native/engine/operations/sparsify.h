// Which elements of each model's delta a `task` keeps: the sparsify slot of the family.
//   all        every element
//   magnitude  the k of largest magnitude
//   random     by one random word each, below one threshold
//   outliers   all but the `top` largest, then the k largest of the rest
//   rank       by one random word each, below a threshold that grows with the rank in the row;
//              inverse_rank: what stays is divided by its keep probability
//   global     of largest magnitude in the whole model, by a threshold of the job's census
//   row        of every row, what follows its `top` largest elements, k of them
// Random words come from Philox, or from the torch stream for comparison with mergekit.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "../select.h"
#include "../torch_stream.h"
#include "operation.h"

namespace weightloom {

// Of the Philox words that masks are made of.
constexpr uint32_t kSparsifyPurpose = 0;

class Sparsifier {
 public:
  enum class Keep {
    all = 0,
    magnitude = 1,
    random = 2,
    outliers = 3,
    rank = 4,
    row = 5,
    inverse_rank = 6,
    global = 7
  };
  struct Model {
    Keep keep;
    double a, b, c;  // as on the wire: see lib/run/wire.ts
    std::unique_ptr<Selection> selection, outliers;
    std::vector<Mt19937> torch_states;
    std::vector<uint32_t> thresholds;  // rank: as RowRanker has them
    // masks of blocks once made, kept between phases as far as the job's spare memory goes
    std::vector<std::vector<uint64_t>> made;
  };

  // `twice`: the masks will be asked for in two phases. `collects`: see Selection.
  Sparsifier(StepIo& io, bool twice, bool collects = true);
  ~Sparsifier() { io_.return_spare(spare_taken_); }
  Sparsifier(const Sparsifier&) = delete;
  Sparsifier& operator=(const Sparsifier&) = delete;

  const Model& model(size_t m) const { return models_[m]; }
  size_t models() const { return models_.size(); }
  const uint32_t* key() const { return key_; }
  uint64_t width() const { return width_; }
  bool ranks(size_t m) const {
    return models_[m].keep == Keep::rank || models_[m].keep == Keep::inverse_rank;
  }
  // With which an element of this rank in its row is kept.
  float probability(const Model& model, uint64_t rank) const;
  // Calls `body(m, selection)` for every selection that still sweeps.
  template <class Body>
  void for_selections(Body body) {
    for (size_t m = 0; m < models_.size(); ++m) {
      for (Selection* each : {models_[m].selection.get(), models_[m].outliers.get()}) {
        if (each != nullptr && !each->done()) body(m, *each);
      }
    }
  }
  // Of the models that drop by magnitude alone.
  bool threshold_of(const Model& model, Threshold& threshold) const;

  bool any() const;
  bool masks(size_t m) const { return models_[m].keep != Keep::all; }
  // Factors of the elements from `at` on of the block that was prepared; null when there are none.
  const float* element_factors(size_t m, size_t at, Scratch& scratch) const;

  // Phase draw: waits for this step's turn in the torch stream.
  bool draws() const;
  void draw();

  // Phase sample: brackets the thresholds, so that one sweep is enough as a rule.
  void sample(Scratch& scratch);

  // Phase select: sweeps until no threshold is missing.
  bool selecting() const;
  void select_block(const Range& range, Scratch& scratch);
  void end_sweep(Scratch& scratch);

  // Whether model m drops what lies below one magnitude in this block, and only that: `floor`.
  bool floor_of(size_t m, const Range& range, float& floor) const;
  // Before the tiles of a block: whatever of model m's mask needs the whole block or its rows.
  // `again`: a later phase will ask for it too. Not in the last phase, where two threads may make
  // the same block of a nested step.
  void prepare_block(size_t m, const Range& range, bool again, Scratch& scratch);
  // The mask of model m over one tile of the block: in `room`, or where it lies already. `again` as
  // for the block.
  const uint64_t* mask_of(size_t m, const Range& range, const Tile& tile, const void* x,
                          const void* base, bool again, uint64_t* room, Scratch& scratch);

 private:
  void add_model(const double* p, bool keep_masks);
  void magnitude_mask(const Threshold& threshold, const Range& range, const Tile& tile,
                      const void* x, const void* base, uint64_t* mask) const;
  uint64_t* block_mask(size_t m, Scratch& scratch) const;
  uint32_t* block_words(size_t m, const Range& range, Scratch& scratch) const;
  bool by_block(const Model& model) const;
  void make_block(size_t m, const Range& range, bool again, Scratch& scratch);
  uint64_t* reserve_block(size_t m, const Range& range);
  uint64_t* kept_block(size_t m, const Range& range);
  void outliers_mask(const Model& model, const Range& range, const Tile& tile, const void* x,
                     const void* base, uint64_t* mask, Scratch& scratch) const;
  void random_mask(const Model& model, uint64_t first, size_t n, uint64_t* mask) const;
  void torch_block(size_t m, const Range& range, uint64_t* mask, Scratch& scratch) const;
  void rank_block(size_t m, const Range& range, uint64_t* mask, Scratch& scratch) const;
  void rank_row(size_t m, const Range& row, const uint32_t* keys, const Range& range,
                const uint32_t* words, uint64_t* mask, Scratch& scratch) const;
  void sort_row(size_t m, const Range& row, const uint32_t* keys, const Range& range,
                const uint32_t* words, uint64_t* mask, Scratch& scratch) const;
  const uint32_t* row_keys(size_t m, const Range& rows, Scratch& scratch) const;
  std::vector<uint32_t> rank_thresholds(const Model& model) const;

  StepIo& io_;
  bool collects_;
  bool torch_;
  uint32_t key_[2];
  uint32_t torch_seed_;
  uint64_t torch_offset_;
  uint64_t width_;
  std::vector<Model> models_;
  std::atomic<size_t> spare_taken_{0};
};

}  // namespace weightloom
