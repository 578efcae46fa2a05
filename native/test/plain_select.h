// Selection driven block by block, and what a stable sort by falling key says it must keep.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "../engine/select.h"

namespace weightloom_test {

using Keys = std::vector<uint32_t>;

constexpr size_t kTileKeys = 7;
// Calls body(keys, count, index of the first) for the tiles of one block.
template <class Body>
inline void each_tile(const Keys& keys, size_t block_size, uint64_t block, Body body) {
  const size_t start = static_cast<size_t>(block) * block_size;
  const size_t end = std::min(keys.size(), start + block_size);
  for (size_t at = start; at < end; at += kTileKeys) {
    body(&keys[at], std::min(kTileKeys, end - at), at);
  }
}

// One sweep over the blocks, in an order that changes with the sweep.
inline void sweep(weightloom::Selection& selection, const Keys& keys, size_t block_size,
                  uint64_t blocks, int turn) {
  for (uint64_t i = 0; i < blocks; ++i) {
    const uint64_t index = turn % 2 == 0 ? i : blocks - 1 - i;
    std::vector<uint32_t> bins(weightloom::Selection::kBins), inside(block_size + 16);
    weightloom::SweepBlock block;
    block.bins = bins.data();
    block.keys = inside.data();
    each_tile(keys, block_size, index,
              [&](const uint32_t* at, size_t n, size_t) { selection.add(at, n, block); });
    selection.finish_block(index, block);
  }
}

// `sample`: any keys; good or bad, they change nothing but the number of sweeps.
inline std::vector<bool> selected(const Keys& keys, uint64_t keep, size_t block_size, Keys sample) {
  const uint64_t blocks = (keys.size() + block_size - 1) / block_size;
  weightloom::Selection selection(keep, keys.size(), blocks);
  selection.bracket(sample);
  for (int turn = 0; !selection.done() && turn < 12; ++turn) {
    sweep(selection, keys, block_size, blocks, turn);
    const uint64_t again = selection.advance();
    if (again == weightloom::Selection::kNone) continue;
    each_tile(keys, block_size, again, [&](const uint32_t* at, size_t n, size_t first) {
      selection.find_cut(at, n, first);
    });
  }
  if (!selection.done()) return {};
  std::vector<bool> out;
  for (size_t i = 0; i < keys.size(); ++i) {
    const bool tied = keys[i] == selection.result().key && i < selection.result().cut;
    out.push_back(keys[i] > selection.result().key || tied);
  }
  return out;
}

inline std::vector<bool> sorted(const Keys& keys, uint64_t keep) {
  std::vector<size_t> order(keys.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return keys[a] > keys[b]; });
  std::vector<bool> out(keys.size());
  for (uint64_t i = 0; i < keep; ++i) out[order[i]] = true;
  return out;
}

}  // namespace weightloom_test
