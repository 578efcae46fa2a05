#include "masks.h"

#include <algorithm>

namespace weightloom::cuda {

Masks::Masks(const Sparsifier& sparsifier, bool rescales) : sparsifier_(sparsifier) {
  for (size_t m = 0; m < sparsifier.models(); ++m) need(m);
  const uint64_t models = sparsifier.models();
  // keys and two masks of outliers, a bit for each model, sums of blocks
  needs_.bytes_each += 4 + (models + 2 + 7) / 8 + (rescales ? models * 16 / kBlock + 1 : 0);
  needs_.bytes_fixed += models * 64;
  needs_.arrays += 2 * models + 8;
  needs_.again = needs_.again || (rescales && sparsifier.any());
}

void Masks::need(size_t m) {
  const Sparsifier::Model& model = sparsifier_.model(m);
  for (const auto& selection : {model.selection.get(), model.outliers.get()}) {
    if (selection == nullptr) continue;
    needs_.again = true;
    needs_.bytes_fixed += SweepOn::kRoom;
    needs_.arrays += SweepOn::kArrays;
  }
  if (!sparsifier_.ranks(m) && model.keep != Keep::row) return;
  // sorted, spare, words and what stays are shared by the models
  if (needs_.row == 1) needs_.bytes_each += 8 + 8 + 4 + 1;
  needs_.row = std::max<uint64_t>(sparsifier_.width(), 1);
  needs_.bytes_each += model.keep == Keep::inverse_rank ? 4 : 0;
  needs_.bytes_fixed += 2 * 4 * sparsifier_.width();
  needs_.arrays += 6;
}

void Masks::sweep(Chunk& chunk, Sparsifier& sparsifier) const {
  MaskRoom room(chunk);
  std::vector<SweepOn> sweeps;
  size_t last = sparsifier.models();
  sparsifier.for_selections([&](size_t m, Selection& selection) {
    if (m != last) keys_of(chunk, m, room.keys());
    last = m;
    sweeps.emplace_back(chunk, selection, room.keys());
  });
  chunk.finish();
  for (SweepOn& each : sweeps) each.hand_in();
}

// Of the chunk's range.
const uint32_t* Masks::keys_of(Chunk& chunk, size_t m, uint32_t* keys) const {
  magnitudes_on(chunk, chunk.own(m + 1), chunk.own(0), chunk.range().n, keys);
  return keys;
}

MadeMask Masks::make(Chunk& chunk, size_t m, MaskRoom& room) const {
  const Sparsifier::Model& model = sparsifier_.model(m);
  auto* mask = chunk.lane().room_for<uint64_t>(mask_words(chunk.range().n));
  MadeMask made{mask, nullptr};
  Threshold threshold;
  switch (model.keep) {
    case Keep::all:
      break;
    case Keep::magnitude:
    case Keep::global:
      sparsifier_.threshold_of(model, threshold);
      keep_on(chunk, threshold, keys_of(chunk, m, room.keys()), mask);
      break;
    case Keep::outliers:
      outliers_mask(chunk, m, mask, room);
      break;
    case Keep::random:
      random_mask(chunk, m, mask);
      break;
    case Keep::rank:
    case Keep::inverse_rank:
    case Keep::row:
      made.factors = rank_mask(chunk, m, mask, room);
      break;
  }
  return made;
}

void Masks::outliers_mask(Chunk& chunk, size_t m, uint64_t* mask, MaskRoom& room) const {
  const Sparsifier::Model& model = sparsifier_.model(m);
  const uint64_t words = mask_words(chunk.range().n);
  if (model.b <= 0) return chunk.lane().clear(mask, words * 8);
  const uint32_t* keys = keys_of(chunk, m, room.keys());
  const auto change = [&](const uint64_t* without) {
    const MaskLaunch launch{mask, without, words};
    chunk.walk(chunk.device().kernels().change_mask, words, launch);
  };
  if (model.selection == nullptr) {
    change(nullptr);
  } else {
    keep_on(chunk, model.selection->result(), keys, mask);
  }
  if (model.outliers == nullptr) return;
  auto* top = chunk.lane().room_for<uint64_t>(words);
  keep_on(chunk, model.outliers->result(), keys, top);
  change(top);
}

void Masks::random_mask(Chunk& chunk, size_t m, uint64_t* mask) const {
  const Sparsifier::Model& model = sparsifier_.model(m);
  const uint32_t* key = sparsifier_.key();
  const Range& range = chunk.range();
  chunk.walk(chunk.device().kernels().keep_random, range.n,
             RandomMaskArgs{{key[0], key[1]},
                            range.first,
                            static_cast<uint32_t>(model.b),
                            kSparsifyPurpose,
                            static_cast<uint64_t>(model.a),
                            range.n,
                            mask});
}

// Words of wide(), which begins at a multiple of 8.
const uint32_t* Masks::words_of(Chunk& chunk, size_t m, MaskRoom& room) const {
  const uint32_t* key = sparsifier_.key();
  const Range& wide = chunk.wide();
  chunk.walk(chunk.device().kernels().random_words, wide.n,
             RandomWordArgs{{key[0], key[1]},
                            wide.first,
                            static_cast<uint32_t>(sparsifier_.model(m).c),
                            kSparsifyPurpose,
                            wide.n,
                            room.words()});
  return room.words();
}

// Sorts all rows that the chunk meets and decides them; the mask is of its range.
const float* Masks::rank_mask(Chunk& chunk, size_t m, uint64_t* mask, MaskRoom& room) const {
  const Sparsifier::Model& model = sparsifier_.model(m);
  const Kernels& kernels = chunk.device().kernels();
  const uint64_t lead = chunk.lead(), width = sparsifier_.width();
  const uint64_t n = chunk.wide().n - lead, rows = n / width;
  const uint64_t before = chunk.range().first - chunk.wide().first;
  magnitudes_on(chunk, chunk.from(m + 1, 0), chunk.from(0, 0), chunk.wide().n, room.keys());
  chunk.launch(kernels.sort_rows, std::min(rows, kMostBlocks),
               SortLaunch{room.keys() + lead, width, rows, model.keep == Keep::row, room.sorted(),
                          room.spare()});
  RankLaunch decide{};
  decide.sorted = room.sorted();
  decide.width = width;
  decide.n = n;
  decide.from = model.a;
  decide.to = model.a + model.b;
  decide.stays = room.stays() + lead;
  float* factors = nullptr;
  if (sparsifier_.ranks(m)) {
    decide.words = words_of(chunk, m, room) + lead;
    decide.thresholds = chunk.lane().upload_array(model.thresholds.data(), width);
  }
  if (model.keep == Keep::inverse_rank) {
    std::vector<float> by_rank(width);
    for (uint64_t rank = 0; rank < width; ++rank) {
      by_rank[rank] = 1.0f / sparsifier_.probability(model, rank);
    }
    decide.factor_of_rank = chunk.lane().upload_array(by_rank.data(), width);
    factors = chunk.lane().room_for<float>(chunk.wide().n + 8);
    decide.factors = factors + lead;
  }
  chunk.walk(kernels.decide_ranks, n, decide);
  chunk.walk(kernels.pack_mask, chunk.range().n,
             PackLaunch{room.stays() + before, chunk.range().n, mask});
  return factors == nullptr ? nullptr : factors + before;
}

}  // namespace weightloom::cuda
