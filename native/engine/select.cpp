#include "select.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace weightloom {

Selection::Selection(uint64_t keep, uint64_t count, uint64_t blocks)
    : keep_(keep), count_(count), blocks_(blocks), cut_(count) {
  start_over();
}

void Selection::start_over() {
  low_ = 0;
  high_ = 0xFFFFFFFFu;
  choose_mode(count_);
}

// The range is settled; `expected` keys are thought to lie inside.
void Selection::choose_mode(uint64_t expected) {
  above_ = 0;
  inside_ = 0;
  const uint64_t width = uint64_t{high_} - low_ + 1;
  mode_ = width == 1 ? Mode::count : expected <= kMostCollected ? Mode::collect : Mode::histogram;
  shift_ = 0;
  while ((width - 1) >> shift_ >= kBins) ++shift_;
  totals_.assign(mode_ == Mode::histogram ? kBins : 0, 0);
  equal_.assign(mode_ == Mode::count ? blocks_ : 0, 0);
  collected_.clear();
  if (mode_ == Mode::collect) collected_.resize(blocks_);
}

void Selection::bracket(std::vector<uint32_t>& sample) {
  if (sample.size() < 1024) return;
  std::sort(sample.begin(), sample.end(), std::greater<>());
  const auto n = static_cast<double>(sample.size());
  const double share = static_cast<double>(keep_) / static_cast<double>(count_);
  const double margin = 4.0 * std::sqrt(n * share * (1.0 - share)) + 4.0;
  const double first = n * share - margin, last = n * share + margin;
  high_ = first < 0 ? 0xFFFFFFFFu : sample[static_cast<size_t>(first)];
  low_ = last >= n ? 0 : sample[static_cast<size_t>(last)];
  const auto inside = std::count_if(sample.begin(), sample.end(),
                                    [&](uint32_t key) { return key >= low_ && key <= high_; });
  choose_mode(static_cast<uint64_t>(static_cast<double>(inside) / n * 1.25 *
                                    static_cast<double>(count_)));
}

void Selection::add(const uint32_t* keys, size_t n, SweepBlock& block) const {
  if (mode_ == Mode::histogram) return add_histogram(keys, n, block);
  for (size_t i = 0; i < n; ++i) {
    if (keys[i] > high_) {
      ++block.above;
    } else if (keys[i] >= low_) {
      if (mode_ == Mode::collect) block.keys[block.inside] = keys[i];
      ++block.inside;
    }
  }
}

void Selection::add_histogram(const uint32_t* keys, size_t n, SweepBlock& block) const {
  const uint32_t width = high_ - low_;
  const int shift = shift_;
  for (size_t i = 0; i < n; ++i) {
    const uint32_t off = keys[i] - low_;
    if (off <= width) {
      ++block.bins[off >> shift];
    } else if (keys[i] > high_) {
      ++block.above;
    }
  }
}

void Selection::finish_block(uint64_t index, const SweepBlock& block) {
  const std::lock_guard lock(mutex_);
  above_ += block.above;
  inside_ += block.inside;
  switch (mode_) {
    case Mode::count: equal_[index] = static_cast<uint32_t>(block.inside); return;
    case Mode::collect:
      if (inside_ <= kMostCollected + 65536) {
        collected_[index].assign(block.keys, block.keys + block.inside);
      }
      return;
    case Mode::histogram:
      for (size_t i = 0; i < kBins; ++i) {
        totals_[i] += block.bins[i];
        inside_ += block.bins[i];
      }
      return;
  }
}

uint64_t Selection::advance() {
  if (above_ >= keep_ || above_ + inside_ < keep_) {
    start_over();
    return kNone;
  }
  room_ = keep_ - above_;
  if (mode_ == Mode::count) return finish_counted();
  if (mode_ == Mode::histogram) {
    narrow();
    return kNone;
  }
  if (inside_ > kMostCollected + 65536) {
    choose_mode(count_);
    return kNone;
  }
  return finish_collected();
}

// Goes on with the bin of the histogram that holds the k-th key.
void Selection::narrow() {
  size_t bin = kBins;
  while (bin-- > 0 && totals_[bin] < room_) room_ -= totals_[bin];
  const uint64_t inside = totals_[bin];
  const uint64_t low = uint64_t{low_} + (static_cast<uint64_t>(bin) << shift_);
  const uint64_t high = low + (uint64_t{1} << shift_) - 1;
  low_ = static_cast<uint32_t>(low);
  high_ = static_cast<uint32_t>(std::min<uint64_t>(high, high_));
  if (low_ == high_) {
    counted_ = true;
    if (inside == room_) {
      done_ = true;
      return;
    }
  }
  choose_mode(inside);
}

// The k-th key among the collected ones; then how many of its equals have room.
uint64_t Selection::finish_collected() {
  std::vector<uint32_t> all;
  all.reserve(inside_);
  for (const auto& block : collected_) all.insert(all.end(), block.begin(), block.end());
  const auto kth = all.begin() + static_cast<std::ptrdiff_t>(room_ - 1);
  std::nth_element(all.begin(), kth, all.end(), std::greater<>());
  low_ = *kth;
  high_ = *kth;
  uint64_t equal = 0;
  for (const uint32_t key : all) {
    if (key > low_) --room_;
    if (key == low_) ++equal;
  }
  equal_.assign(blocks_, 0);
  for (uint64_t i = 0; i < blocks_; ++i) {
    equal_[i] = static_cast<uint32_t>(std::count(collected_[i].begin(), collected_[i].end(), low_));
  }
  collected_.clear();
  return end_with(equal);
}

uint64_t Selection::finish_counted() { return end_with(inside_); }

uint64_t Selection::end_with(uint64_t equal) {
  counted_ = true;
  done_ = true;
  if (equal == room_) return kNone;
  for (uint64_t block = 0; block < blocks_; ++block) {
    if (equal_[block] >= room_) return block;
    room_ -= equal_[block];
  }
  return kNone;
}

void Selection::find_cut(const uint32_t* keys, size_t n, uint64_t first) {
  for (size_t i = 0; i < n && room_ > 0; ++i) {
    if (keys[i] != low_) continue;
    --room_;
    cut_ = first + i + 1;
  }
}

}  // namespace weightloom
