#include "sparsify.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "sweep.h"

namespace weightloom {
namespace {

constexpr size_t kBlockWords = kBlock / 64;

}  // namespace

Sparsifier::Sparsifier(StepIo& io, bool twice, bool collects) : io_(io), collects_(collects) {
  const auto& p = io.step().parameters;
  key_[0] = static_cast<uint32_t>(p[5]);
  key_[1] = static_cast<uint32_t>(p[6]);
  torch_ = p[7] != 0;
  torch_seed_ = static_cast<uint32_t>(p[8]);
  torch_offset_ = static_cast<uint64_t>(p[9]);
  width_ = static_cast<uint64_t>(p[10]);
  for (size_t i = 11; i < p.size(); i += 6) add_model(&p[i], twice);
}

void Sparsifier::add_model(const double* p, bool keep_masks) {
  Model model{.keep = static_cast<Keep>(static_cast<int>(p[1])),
              .a = p[2],
              .b = p[3],
              .c = p[4],
              .selection = nullptr,
              .outliers = nullptr,
              .torch_states = {},
              .thresholds = {},
              .made = {}};
  const uint64_t count = io_.step().count;
  const auto select = [&](double keep) -> std::unique_ptr<Selection> {
    const auto wanted = std::max<uint64_t>(static_cast<uint64_t>(keep), 1);
    if (wanted >= count) return nullptr;
    return std::make_unique<Selection>(wanted, count, io_.block_count(), collects_);
  };
  if (model.keep == Keep::magnitude) {
    model.selection = select(model.a);
    if (model.selection == nullptr) model.keep = Keep::all;
  }
  if (model.keep == Keep::outliers) {
    model.outliers = model.a >= 1 ? select(model.a) : nullptr;
    model.selection = select(model.a + model.b);
    const bool whole = model.outliers == nullptr && model.selection == nullptr && model.b > 0;
    if (whole) model.keep = Keep::all;
  }
  if (model.keep == Keep::rank || model.keep == Keep::inverse_rank) {
    model.thresholds = rank_thresholds(model);
  }
  if (keep_masks &&
      (model.keep == Keep::rank || model.keep == Keep::row || model.keep == Keep::random)) {
    model.made.resize(io_.block_count());
  }
  models_.push_back(std::move(model));
}

// Probabilities grow from `low` to low + spread with the rank, in binary32: low + (rank / (n - 1))
// * spread; a row of one element has the middle. A word is compared with p * 2^32 rounded, a word
// of the torch stream (24 bits) with p * 2^24 rounded up, which is torch's own comparison.
std::vector<uint32_t> Sparsifier::rank_thresholds(const Model& model) const {
  std::vector<uint32_t> thresholds(width_);
  for (uint64_t rank = 0; rank < width_; ++rank) {
    const auto p = static_cast<double>(probability(model, rank));
    const double scaled = torch_ ? std::ceil(p * 16777216.0) : std::floor(p * 4294967296.0 + 0.5);
    thresholds[rank] = static_cast<uint32_t>(std::min(std::max(scaled, 0.0), 4294967295.0));
  }
  thresholds.push_back(thresholds.back());
  return thresholds;
}

float Sparsifier::probability(const Model& model, uint64_t rank) const {
  const auto low = static_cast<float>(model.a), spread = static_cast<float>(model.b);
  const float steps = static_cast<float>(width_ - 1);
  const float position = width_ == 1 ? 0.5f : static_cast<float>(rank) / steps;
  const float extra = position * spread;
  return low + extra;
}

bool Sparsifier::any() const {
  return std::any_of(models_.begin(), models_.end(),
                     [](const Model& m) { return m.keep != Keep::all; });
}

bool Sparsifier::draws() const {
  return torch_ && std::any_of(models_.begin(), models_.end(), [](const Model& m) {
           return m.keep == Keep::random || m.keep == Keep::rank || m.keep == Keep::inverse_rank;
         });
}

void Sparsifier::draw() {
  uint64_t offset = torch_offset_;
  for (Model& model : models_) {
    const bool rank = model.keep == Keep::rank || model.keep == Keep::inverse_rank;
    if (model.keep != Keep::random && !rank) continue;
    model.torch_states = io_.stream().take(torch_seed_, offset, io_.step().count, kBlock);
    offset += io_.step().count;
  }
}

bool Sparsifier::selecting() const {
  return std::any_of(models_.begin(), models_.end(), [](const Model& m) {
    return (m.selection != nullptr && !m.selection->done()) ||
           (m.outliers != nullptr && !m.outliers->done());
  });
}

// Runs of elements spread evenly over the tensor; the selection is exact whatever they are.
void Sparsifier::sample(Scratch& scratch) {
  std::vector<std::vector<uint32_t>> samples(models_.size());
  for (size_t m = 0; m < models_.size(); ++m) {
    if (models_[m].selection == nullptr && models_[m].outliers == nullptr) continue;
    for (const Range& range : sample_ranges(io_.step().count)) {
      sample_run(io_, {m + 1, 0}, range, samples[m], scratch);
    }
  }
  for_selections([&](size_t m, Selection& selection) { selection.bracket(samples[m]); });
}

void Sparsifier::select_block(const Range& range, Scratch& scratch) {
  for_selections([&](size_t m, Selection& selection) {
    sweep_block(io_, {m + 1, 0}, range, range.index, selection, scratch);
  });
}

void Sparsifier::end_sweep(Scratch& scratch) {
  for_selections([&](size_t m, Selection& selection) {
    const uint64_t block = selection.advance();
    if (block == Selection::kNone) return;
    const Range range = io_.range(block);
    search_block(io_, {m + 1, 0}, range, range.first, selection, scratch);
  });
}

uint64_t* Sparsifier::block_mask(size_t m, Scratch& scratch) const {
  return scratch.take<uint64_t>(kBlockMaskSlot, models_.size() * kBlockWords) + m * kBlockWords;
}

// One random word for each element of the block.
uint32_t* Sparsifier::block_words(size_t m, const Range& range, Scratch& scratch) const {
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

void Sparsifier::prepare_block(size_t m, const Range& range, bool again, Scratch& scratch) {
  if (by_block(models_[m])) return make_block(m, range, again, scratch);
  if (again) reserve_block(m, range);
}

// Whether its masks are made block by block, not tile by tile.
bool Sparsifier::by_block(const Model& model) const {
  switch (model.keep) {
    case Keep::random:
      return torch_;
    case Keep::rank:
    case Keep::inverse_rank:
    case Keep::row:
      return true;
    default:
      return false;
  }
}

// Room to keep the mask of a block, as far as there is any; null otherwise.
uint64_t* Sparsifier::reserve_block(size_t m, const Range& range) {
  constexpr size_t bytes = kBlockWords * sizeof(uint64_t);
  auto& made = models_[m].made;
  if (made.empty() || !io_.take_spare(bytes)) return nullptr;
  spare_taken_.fetch_add(bytes, std::memory_order_relaxed);
  made[range.index].resize(kBlockWords);
  return made[range.index].data();
}

uint64_t* Sparsifier::kept_block(size_t m, const Range& range) {
  auto& made = models_[m].made;
  return made.empty() || made[range.index].empty() ? nullptr : made[range.index].data();
}

void Sparsifier::make_block(size_t m, const Range& range, bool again, Scratch& scratch) {
  if (kept_block(m, range) != nullptr) return;
  uint64_t* mask = again ? reserve_block(m, range) : nullptr;
  if (mask == nullptr) mask = block_mask(m, scratch);
  std::fill(mask, mask + kBlockWords, uint64_t{0});
  if (models_[m].keep == Keep::random) {
    torch_block(m, range, mask, scratch);
  } else {
    rank_block(m, range, mask, scratch);
  }
}

void Sparsifier::random_mask(const Model& model, uint64_t first, size_t n, uint64_t* mask) const {
  io_.kernels().keep_random({{key_[0], key_[1]},
                             first,
                             static_cast<uint32_t>(model.b),
                             kSparsifyPurpose,
                             static_cast<uint64_t>(model.a),
                             n,
                             mask});
}

void Sparsifier::torch_block(size_t m, const Range& range, uint64_t* mask, Scratch& scratch) const {
  const uint32_t* words = block_words(m, range, scratch);
  const auto threshold = static_cast<uint32_t>(models_[m].a);
  for (size_t i = 0; i < range.n; ++i) {
    const uint64_t bit = (words[i] & 0xFFFFFFu) < threshold ? 1 : 0;
    mask[i / 64] |= bit << (i % 64);
  }
}

void Sparsifier::rank_block(size_t m, const Range& range, uint64_t* mask, Scratch& scratch) const {
  uint32_t* words = ranks(m) ? block_words(m, range, scratch) : nullptr;
  for (size_t i = 0; words != nullptr && torch_ && i < range.n; ++i) words[i] &= 0xFFFFFFu;
  // Keys of several rows at once where they are short.
  const uint64_t rows = std::max<uint64_t>(1, kTile / width_);
  const uint64_t end = (range.first + range.n + width_ - 1) / width_;
  for (uint64_t first = range.first / width_; first < end; first += rows) {
    const uint64_t last = std::min(first + rows, end);
    const auto n = static_cast<size_t>((last - first) * width_);
    const uint32_t* keys = row_keys(m, {range.index, first * width_, n}, scratch);
    for (uint64_t row = first; row < last; ++row, keys += width_) {
      const Range whole{range.index, row * width_, static_cast<size_t>(width_)};
      if (models_[m].keep == Keep::rank) {
        rank_row(m, whole, keys, range, words, mask, scratch);
      } else {
        sort_row(m, whole, keys, range, words, mask, scratch);
      }
    }
  }
}

const uint32_t* Sparsifier::row_keys(size_t m, const Range& rows, Scratch& scratch) const {
  auto* keys = scratch.take<uint32_t>(kRowSlot, rows.n);
  for (size_t at = 0; at < rows.n; at += kTile) {
    const Range part{rows.index, rows.first + at, std::min(kTile, rows.n - at)};
    io_.for_tiles(part, kTile, {m + 1, 0}, nullptr, scratch, [&](const Tile& tile) {
      io_.kernels().delta_magnitude[tile.codec](
          {tile.inputs[0], tile.inputs[1], tile.n, keys + at + tile.at});
    });
  }
  return keys;
}

// Decides the elements of one row that lie in the block.
void Sparsifier::rank_row(size_t m, const Range& row, const uint32_t* keys, const Range& range,
                          const uint32_t* words, uint64_t* mask, Scratch& scratch) const {
  const uint64_t first = std::max(row.first, range.first);
  const uint64_t stop = std::min(row.first + row.n, range.first + range.n);
  const auto bit = static_cast<size_t>(first - range.first);
  scratch.ranker().decide(io_.kernels(), keys, row.n, static_cast<size_t>(first - row.first),
                          static_cast<size_t>(stop - row.first), words + bit, models_[m].thresholds,
                          mask, bit);
}

// The same where every rank is wanted: by magnitude in the row, or for the elements' own factors.
void Sparsifier::sort_row(size_t m, const Range& row, const uint32_t* keys, const Range& range,
                          const uint32_t* words, uint64_t* mask, Scratch& scratch) const {
  const Model& model = models_[m];
  const bool descending = model.keep == Keep::row;
  std::vector<uint64_t> order(row.n);
  for (size_t i = 0; i < row.n; ++i) {
    order[i] = (static_cast<uint64_t>(descending ? ~keys[i] : keys[i]) << 32) | i;
  }
  std::sort(order.begin(), order.end());
  auto* factors = scratch.take<float>(kFactorSlot, models_.size() * kBlock) + m * kBlock;
  for (size_t rank = 0; rank < row.n; ++rank) {
    const uint64_t element = row.first + static_cast<uint32_t>(order[rank]);
    if (element < range.first || element >= range.first + range.n) continue;
    const auto i = static_cast<size_t>(element - range.first);
    const auto place = static_cast<double>(rank);
    const bool stays = descending ? place >= model.a && place < model.a + model.b
                                  : words[i] < model.thresholds[rank];
    mask[i / 64] |= static_cast<uint64_t>(stays) << (i % 64);
    if (!descending) factors[i] = 1.0f / probability(model, rank);
  }
}

const float* Sparsifier::element_factors(size_t m, size_t at, Scratch& scratch) const {
  if (models_[m].keep != Keep::inverse_rank) return nullptr;
  return scratch.take<float>(kFactorSlot, models_.size() * kBlock) + m * kBlock + at;
}

bool Sparsifier::threshold_of(const Model& model, Threshold& threshold) const {
  if (model.keep == Keep::magnitude) {
    threshold = model.selection->result();
    return true;
  }
  if (model.keep != Keep::global) return false;
  threshold = io_.thresholds()[static_cast<size_t>(model.a)];
  const auto before = static_cast<uint64_t>(model.b);
  threshold.cut = threshold.cut <= before ? 0 : threshold.cut - before;
  return true;
}

// Not where the cut divides the block, nor among NaN.
bool Sparsifier::floor_of(size_t m, const Range& range, float& floor) const {
  constexpr uint32_t infinity = 0x7F800000u;
  Threshold threshold;
  if (!threshold_of(models_[m], threshold)) return false;
  const bool all_tied = threshold.cut >= range.first + range.n;
  if (!all_tied && threshold.cut > range.first) return false;
  const uint32_t least = all_tied ? threshold.key : threshold.key + 1;
  if (least > infinity) return false;
  std::memcpy(&floor, &least, sizeof(floor));
  return true;
}

void Sparsifier::magnitude_mask(const Threshold& threshold, const Range& range, const Tile& tile,
                                const void* x, const void* base, uint64_t* mask) const {
  const uint32_t cut = threshold.cut_within(range.first + tile.at, tile.n);
  io_.kernels().keep_magnitude[tile.codec]({x, base, tile.n, threshold.key, cut, mask});
}

const uint64_t* Sparsifier::mask_of(size_t m, const Range& range, const Tile& tile, const void* x,
                                    const void* base, bool again, uint64_t* room,
                                    Scratch& scratch) {
  const Model& model = models_[m];
  uint64_t* const kept = kept_block(m, range);
  if (by_block(model)) return (kept != nullptr ? kept : block_mask(m, scratch)) + tile.at / 64;
  Threshold threshold;
  if (threshold_of(model, threshold)) {
    magnitude_mask(threshold, range, tile, x, base, room);
  } else if (model.keep == Keep::outliers) {
    outliers_mask(model, range, tile, x, base, room, scratch);
  } else if (model.keep == Keep::random) {
    if (kept != nullptr) room = kept + tile.at / 64;
    if (kept == nullptr || again) random_mask(model, range.first + tile.at, tile.n, room);
  }
  return room;
}

void Sparsifier::outliers_mask(const Model& model, const Range& range, const Tile& tile,
                               const void* x, const void* base, uint64_t* mask,
                               Scratch& scratch) const {
  const size_t words = (tile.n + 63) / 64;
  std::fill(mask, mask + words, model.b > 0 ? ~uint64_t{0} : uint64_t{0});
  if (model.b <= 0) return;
  if (model.selection != nullptr) {
    magnitude_mask(model.selection->result(), range, tile, x, base, mask);
  }
  if (model.outliers == nullptr) return;
  auto* top = scratch.take<uint64_t>(kSpareMaskSlot, kTile / 64);
  magnitude_mask(model.outliers->result(), range, tile, x, base, top);
  for (size_t i = 0; i < words; ++i) mask[i] &= ~top[i];
}

}  // namespace weightloom
