#include "select.h"

namespace weightloom {
namespace {

constexpr int kShift[3] = {21, 10, 0};
constexpr int kWidth[3] = {11, 11, 10};

}  // namespace

Selection::Selection(uint64_t keep, uint64_t count, uint64_t blocks)
    : room_(keep), cut_(count), totals_(kBins), ties_(blocks) {}

void Selection::count(const uint32_t* keys, size_t n, uint32_t* bins) const {
  if (level_ == kTies) {
    uint32_t equal = 0;
    for (size_t i = 0; i < n; ++i) equal += keys[i] == prefix_ ? 1 : 0;
    bins[0] += equal;
    return;
  }
  const int shift = kShift[level_];
  const uint32_t low = (1u << kWidth[level_]) - 1;
  if (level_ == 0) {
    for (size_t i = 0; i < n; ++i) ++bins[keys[i] >> shift];
    return;
  }
  const int above = shift + kWidth[level_];
  const uint32_t want = prefix_ >> above;
  for (size_t i = 0; i < n; ++i) {
    if (keys[i] >> above == want) ++bins[(keys[i] >> shift) & low];
  }
}

void Selection::finish_block(uint64_t block, const uint32_t* bins) {
  if (level_ == kTies) {
    ties_[block] = bins[0];
    return;
  }
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < kBins; ++i) totals_[i] += bins[i];
}

uint64_t Selection::advance() {
  if (level_ == kTies) return advance_ties();
  advance_counting();
  return kNone;
}

void Selection::advance_counting() {
  size_t bin = kBins;
  while (bin-- > 0) {
    if (totals_[bin] >= room_) break;
    room_ -= totals_[bin];
  }
  const uint64_t equal = totals_[bin];
  prefix_ |= static_cast<uint32_t>(bin) << kShift[level_];
  totals_.assign(kBins, 0);
  ++level_;
  if (level_ == kTies && equal == room_) level_ = kDone;
}

uint64_t Selection::advance_ties() {
  level_ = kDone;
  for (uint64_t block = 0; block < ties_.size(); ++block) {
    if (ties_[block] >= room_) return block;
    room_ -= ties_[block];
  }
  return kNone;
}

void Selection::find_cut(const uint32_t* keys, size_t n, uint64_t first) {
  for (size_t i = 0; i < n && room_ > 0; ++i) {
    if (keys[i] != prefix_) continue;
    --room_;
    cut_ = first + i + 1;
  }
}

}  // namespace weightloom
