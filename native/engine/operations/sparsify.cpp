#include "sparsify.h"

#include <algorithm>
#include <cmath>

#include "../rank.h"

namespace weightloom {
namespace {

constexpr uint32_t kSparsifyPurpose = 0;
constexpr size_t kBlockWords = kBlock / 64;

}  // namespace

Sparsifier::Sparsifier(StepIo& io) : io_(io) {
  const auto& p = io.step().parameters;
  key_[0] = static_cast<uint32_t>(p[5]);
  key_[1] = static_cast<uint32_t>(p[6]);
  torch_ = p[7] != 0;
  torch_seed_ = static_cast<uint32_t>(p[8]);
  torch_offset_ = static_cast<uint64_t>(p[9]);
  width_ = static_cast<uint64_t>(p[10]);
  for (size_t i = 11; i < p.size(); i += 6) add_model(&p[i]);
}

void Sparsifier::add_model(const double* p) {
  Model model{static_cast<Keep>(static_cast<int>(p[1])), p[2], p[3], p[4], nullptr, nullptr, {}};
  const uint64_t count = io_.step().count;
  const auto select = [&](double keep) -> std::unique_ptr<Selection> {
    const auto wanted = std::max<uint64_t>(static_cast<uint64_t>(keep), 1);
    if (wanted >= count) return nullptr;
    return std::make_unique<Selection>(wanted, count, io_.block_count());
  };
  if (model.keep == Keep::magnitude) {
    model.selection = select(model.a);
    if (model.selection == nullptr) model.keep = Keep::all;
  }
  if (model.keep == Keep::outliers) {
    model.outliers = model.a >= 1 ? select(model.a) : nullptr;
    model.selection = select(model.a + model.b);
    if (model.outliers == nullptr && model.selection == nullptr) model.keep = Keep::all;
  }
  models_.push_back(std::move(model));
}

bool Sparsifier::any() const {
  return std::any_of(models_.begin(), models_.end(),
                     [](const Model& m) { return m.keep != Keep::all; });
}

bool Sparsifier::draws() const {
  return torch_ && std::any_of(models_.begin(), models_.end(), [](const Model& m) {
           return m.keep == Keep::random || m.keep == Keep::rank;
         });
}

void Sparsifier::draw() {
  uint64_t offset = torch_offset_;
  for (Model& model : models_) {
    if (model.keep != Keep::random && model.keep != Keep::rank) continue;
    model.torch_states = io_.stream().take(torch_seed_, offset, io_.step().count, kBlock);
    offset += io_.step().count;
  }
}

// Calls `body(m, selection)` for every selection that still sweeps.
template <class Body>
void Sparsifier::for_selections(Body body) {
  for (size_t m = 0; m < models_.size(); ++m) {
    for (Selection* each : {models_[m].selection.get(), models_[m].outliers.get()}) {
      if (each != nullptr && !each->done()) body(m, *each);
    }
  }
}

bool Sparsifier::selecting() const {
  return std::any_of(models_.begin(), models_.end(), [](const Model& m) {
    return (m.selection != nullptr && !m.selection->done()) ||
           (m.outliers != nullptr && !m.outliers->done());
  });
}

// Keys of a delta in a tile whose inputs are {x, base}.
const uint32_t* Sparsifier::keys(const Tile& tile, Scratch& scratch) const {
  auto* out = scratch.take<uint32_t>(kMagnitudeSlot, kTile);
  io_.kernels().delta_magnitude[tile.codec]({tile.inputs[0], tile.inputs[1], tile.n, out});
  return out;
}

void Sparsifier::select_block(const Range& range, Scratch& scratch) {
  for_selections([&](size_t m, Selection& selection) {
    auto* bins = scratch.take<uint32_t>(kBinSlot, Selection::kBins);
    std::fill(bins, bins + Selection::kBins, 0u);
    io_.for_tiles(range, kTile, {m + 1, 0}, nullptr, scratch, [&](const Tile& tile) {
      selection.count(keys(tile, scratch), tile.n, bins);
    });
    selection.finish_block(range.index, bins);
  });
}

void Sparsifier::end_sweep(Scratch& scratch) {
  for_selections([&](size_t m, Selection& selection) {
    const uint64_t block = selection.advance();
    if (block == Selection::kNone) return;
    const Range range = io_.range(block);
    io_.for_tiles(range, kTile, {m + 1, 0}, nullptr, scratch, [&](const Tile& tile) {
      selection.find_cut(keys(tile, scratch), tile.n, range.first + tile.at);
    });
  });
}

uint64_t* Sparsifier::block_mask(size_t m, Scratch& scratch) const {
  return scratch.take<uint64_t>(kBlockMaskSlot, models_.size() * kBlockWords) + m * kBlockWords;
}

// One random word for each element of the block.
const uint32_t* Sparsifier::block_words(size_t m, const Range& range, Scratch& scratch) const {
  auto* words = scratch.take<uint32_t>(kWordSlot, kBlock);
  const Model& model = models_[m];
  if (torch_) {
    if (model.torch_states.empty()) throw JobError{"ABORTED", "the random stream has stopped"};
    Mt19937 generator = model.torch_states[range.index];
    generator.draw(words, range.n);
  } else {
    io_.kernels().random_words({{key_[0], key_[1]},
                                range.first,
                                static_cast<uint32_t>(model.c),
                                kSparsifyPurpose,
                                range.n,
                                words});
  }
  return words;
}

bool Sparsifier::keeps(const Model&, float probability, uint32_t word) const {
  const auto p = static_cast<double>(probability);
  if (torch_) return static_cast<double>(word & 0xFFFFFFu) < p * 16777216.0;
  return static_cast<double>(word) < std::floor(p * 4294967296.0 + 0.5);
}

void Sparsifier::prepare_block(size_t m, const Range& range, Scratch& scratch) const {
  if (models_[m].keep == Keep::rank) rank_block(m, range, scratch);
  if (models_[m].keep == Keep::random && torch_) random_block(m, range, scratch);
}

void Sparsifier::random_block(size_t m, const Range& range, Scratch& scratch) const {
  const uint32_t* words = block_words(m, range, scratch);
  uint64_t* mask = block_mask(m, scratch);
  std::fill(mask, mask + kBlockWords, uint64_t{0});
  const auto threshold = static_cast<uint32_t>(models_[m].a);
  for (size_t i = 0; i < range.n; ++i) {
    const uint64_t bit = (words[i] & 0xFFFFFFu) < threshold ? 1 : 0;
    mask[i / 64] |= bit << (i % 64);
  }
}

void Sparsifier::rank_block(size_t m, const Range& range, Scratch& scratch) const {
  const uint32_t* words = block_words(m, range, scratch);
  uint64_t* mask = block_mask(m, scratch);
  std::fill(mask, mask + kBlockWords, uint64_t{0});
  const uint64_t end = range.first + range.n;
  for (uint64_t row = range.first / width_; row * width_ < end; ++row) {
    const Range whole{range.index, row * width_, static_cast<size_t>(width_)};
    rank_row(m, whole, range, words, mask, scratch);
  }
}

// Decides the elements of one row that lie in the block. The probability grows from `a` to a + b
// with the rank: a + (rank / (n - 1)) * b in binary32; a row of one element has the middle.
void Sparsifier::rank_row(size_t m, const Range& row, const Range& range, const uint32_t* words,
                          uint64_t* mask, Scratch& scratch) const {
  const Model& model = models_[m];
  auto* row_keys = scratch.take<uint32_t>(kRowSlot, row.n);
  for (size_t at = 0; at < row.n; at += kTile) {
    const Range part{row.index, row.first + at, std::min(kTile, row.n - at)};
    io_.for_tiles(part, kTile, {m + 1, 0}, nullptr, scratch, [&](const Tile& tile) {
      io_.kernels().delta_magnitude[tile.codec](
          {tile.inputs[0], tile.inputs[1], tile.n, row_keys + at + tile.at});
    });
  }
  std::vector<uint32_t> order, spare;
  sort_row(row_keys, row.n, order, spare);
  const auto low = static_cast<float>(model.a), spread = static_cast<float>(model.b);
  const float steps = static_cast<float>(row.n - 1);
  for (size_t rank = 0; rank < row.n; ++rank) {
    const uint64_t element = row.first + order[rank];
    if (element < range.first || element >= range.first + range.n) continue;
    const float position = row.n == 1 ? 0.5f : static_cast<float>(rank) / steps;
    const float extra = position * spread;
    const size_t i = static_cast<size_t>(element - range.first);
    const uint64_t bit = keeps(model, low + extra, words[i]) ? 1 : 0;
    mask[i / 64] |= bit << (i % 64);
  }
}

void Sparsifier::magnitude_mask(const Selection& selection, const Range& range, const Tile& tile,
                                const void* x, const void* base, uint64_t* mask) const {
  const uint64_t first = range.first + tile.at;
  const uint64_t cut = selection.cut();
  const uint64_t local = cut <= first ? 0 : std::min<uint64_t>(cut - first, tile.n);
  io_.kernels().keep_magnitude[tile.codec](
      {x, base, tile.n, selection.threshold(), static_cast<uint32_t>(local), mask});
}

void Sparsifier::fill_mask(size_t m, const Range& range, const Tile& tile, const void* x,
                           const void* base, uint64_t* mask, Scratch& scratch) const {
  const Model& model = models_[m];
  const size_t words = (tile.n + 63) / 64;
  switch (model.keep) {
    case Keep::all: return;
    case Keep::magnitude: return magnitude_mask(*model.selection, range, tile, x, base, mask);
    case Keep::outliers: {
      std::fill(mask, mask + words, ~uint64_t{0});
      if (model.selection != nullptr) {
        magnitude_mask(*model.selection, range, tile, x, base, mask);
      }
      if (model.outliers == nullptr) return;
      auto* top = scratch.take<uint64_t>(kSpareMaskSlot, kTile / 64);
      magnitude_mask(*model.outliers, range, tile, x, base, top);
      for (size_t i = 0; i < words; ++i) mask[i] &= ~top[i];
      return;
    }
    case Keep::random:
      if (torch_) break;
      return io_.kernels().keep_random({{key_[0], key_[1]},
                                        range.first + tile.at,
                                        static_cast<uint32_t>(model.b),
                                        kSparsifyPurpose,
                                        static_cast<uint64_t>(model.a),
                                        tile.n,
                                        mask});
    case Keep::rank: break;
  }
  const uint64_t* whole = block_mask(m, scratch) + tile.at / 64;
  std::copy(whole, whole + words, mask);
}

}  // namespace weightloom
