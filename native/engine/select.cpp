#include "select.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace weightloom {
namespace {

// Bins of a sample: 256 an octave, over the 24 octaves below its largest key.
constexpr int kSampleShift = 15;
constexpr uint32_t kSampleBins = 24 << 8;

}  // namespace

Selection::Selection(uint64_t keep, uint64_t count, uint64_t blocks, bool collects)
    : keep_(keep), count_(count), blocks_(blocks), collects_(collects), cut_(count) {
  start_over();
}

void Selection::start_over() {
  frequent_.clear();
  low_ = 0;
  high_ = 0xFFFFFFFFu;
  choose_mode(count_);
}

// The range is settled; `expected` keys are thought to lie inside.
void Selection::choose_mode(uint64_t expected) {
  above_ = 0;
  inside_ = 0;
  const uint64_t width = uint64_t{high_} - low_ + 1;
  const bool few = collects_ && expected <= kMostCollected;
  mode_ = width == 1 ? Mode::count : few ? Mode::collect : Mode::histogram;
  if (mode_ != Mode::collect) frequent_.clear();
  shift_ = 0;
  while ((width - 1) >> shift_ >= kBins) ++shift_;
  totals_.assign(mode_ == Mode::histogram ? kBins : 0, 0);
  equal_.assign(mode_ == Mode::count ? blocks_ : 0, 0);
  stored_ = 0;
  collected_.assign(mode_ == Mode::collect ? blocks_ : 0, {});
  tallies_.assign(mode_ == Mode::collect ? blocks_ : 0, {});
}

// The sample is counted by the upper bits of its keys: that a bracket is a little wider than it
// must be costs less than finding its exact ends. The lowest bin holds all that lies below it too.
void Selection::bracket(const std::vector<uint32_t>& sample) {
  if (sample.size() < 1024) return;
  const uint32_t top = *std::max_element(sample.begin(), sample.end()) >> kSampleShift;
  const uint32_t bottom = top < kSampleBins ? 0 : top - kSampleBins + 1;
  uint32_t bins[kSampleBins] = {};
  for (const uint32_t key : sample) ++bins[std::max(key >> kSampleShift, bottom) - bottom];
  const auto n = static_cast<double>(sample.size());
  const double share = static_cast<double>(keep_) / static_cast<double>(count_);
  const double margin = 4.0 * std::sqrt(n * share * (1.0 - share)) + 4.0;
  const double first = n * share - margin, last = n * share + margin;
  double rank = 0.0;  // of the first key below the bin
  uint64_t bin = top - bottom + 1;
  while (bin > 0 && rank <= first) rank += bins[--bin];
  const uint64_t end = bottom + bin + 1;
  high_ = first < 0 ? 0xFFFFFFFFu : static_cast<uint32_t>((end << kSampleShift) - 1);
  while (bin > 0 && rank <= last) rank += bins[--bin];
  low_ = last >= n || bin == 0 ? 0 : static_cast<uint32_t>(bottom + bin) << kSampleShift;
  const auto rare = static_cast<double>(find_frequent(sample));
  choose_mode(static_cast<uint64_t>(rare / n * 1.25 * static_cast<double>(count_)));
}

// Keys inside the bracket that make up a good part of it. Returns how many of the sample are
// inside and none of these.
size_t Selection::find_frequent(const std::vector<uint32_t>& sample) {
  std::vector<uint32_t> inside(sample.size() + 1);
  size_t count = 0;
  for (const uint32_t key : sample) {
    inside[count] = key;
    count += key - low_ <= high_ - low_ ? 1 : 0;
  }
  inside.resize(count);
  std::sort(inside.begin(), inside.end(), std::greater<>());
  frequent_.clear();
  size_t rare = 0;
  for (size_t i = 0; i < count;) {
    size_t end = i;
    while (end < count && inside[end] == inside[i]) ++end;
    const bool frequent = (end - i) * 64 > count && frequent_.size() < kMostFrequent;
    if (frequent) frequent_.push_back(inside[i]);
    rare += frequent ? 0 : end - i;
    i = end;
  }
  return rare;
}

void Selection::add(const uint32_t* keys, size_t n, SweepBlock& block) const {
  if (mode_ == Mode::histogram) return add_histogram(keys, n, block);
  for (size_t i = 0; i < n; ++i) {
    if (keys[i] > high_) {
      ++block.above;
    } else if (keys[i] >= low_) {
      if (mode_ == Mode::collect) {
        collect(keys[i], block);
      } else {
        ++block.inside;
      }
    }
  }
}

void Selection::collect(uint32_t key, SweepBlock& block) const {
  block.tallies.resize(frequent_.size());
  const auto found = std::find(frequent_.begin(), frequent_.end(), key);
  if (found == frequent_.end()) {
    block.keys[block.inside++] = key;
  } else {
    ++block.tallies[static_cast<size_t>(found - frequent_.begin())];
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

void Selection::finish_block(uint64_t index, SweepBlock block) {
  if (mode_ == Mode::collect) {
    collected_[index].assign(block.keys, block.keys + block.inside);
    for (const uint32_t tally : block.tallies) block.inside += tally;
    tallies_[index] = std::move(block.tallies);
  }
  const std::lock_guard lock(mutex_);
  above_ += block.above;
  inside_ += block.inside;
  switch (mode_) {
    case Mode::count:
      equal_[index] = static_cast<uint32_t>(block.inside);
      return;
    case Mode::collect:
      stored_ += collected_[index].size();
      if (stored_ > kMostCollected) collected_[index] = {};
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
  if (mode_ == Mode::count) return end_with(inside_);
  if (mode_ == Mode::histogram) {
    narrow();
    return kNone;
  }
  if (stored_ > kMostCollected) {
    frequent_.clear();
    choose_mode(count_);
    return kNone;
  }
  return finish_collected();
}

// Makes the bin that holds the k-th key the range. Returns how many keys lie in it.
uint64_t Selection::enter_bin() {
  size_t bin = kBins;
  while (bin-- > 0 && totals_[bin] < room_) room_ -= totals_[bin];
  const uint64_t low = uint64_t{low_} + (static_cast<uint64_t>(bin) << shift_);
  const uint64_t high = low + (uint64_t{1} << shift_) - 1;
  low_ = static_cast<uint32_t>(low);
  high_ = static_cast<uint32_t>(std::min<uint64_t>(high, high_));
  return totals_[bin];
}

// Goes on with that bin of the histogram.
void Selection::narrow() {
  const uint64_t inside = enter_bin();
  frequent_.clear();
  if (low_ == high_) {
    counted_ = true;
    if (inside == room_) {
      done_ = true;
      return;
    }
  }
  choose_mode(inside);
}

// The k-th key among the frequent and the collected ones: a histogram of them, and the keys of
// that bin from the top down.
uint64_t Selection::finish_collected() {
  std::vector<Repeated> keys = frequent_totals();
  totals_.assign(kBins, 0);
  for (const auto& [key, total] : keys) totals_[(key - low_) >> shift_] += total;
  for (const auto& block : collected_) {
    for (const uint32_t key : block) ++totals_[(key - low_) >> shift_];
  }
  enter_bin();
  if (low_ == high_) return end_collected();
  const auto outside = [&](uint32_t key) { return key < low_ || key > high_; };
  std::erase_if(keys, [&](const Repeated& each) { return outside(each.key); });
  for (const auto& block : collected_) {
    for (const uint32_t key : block) {
      if (!outside(key)) keys.push_back({key, 1});
    }
  }
  std::sort(keys.begin(), keys.end(),
            [](const Repeated& a, const Repeated& b) { return a.key > b.key; });
  auto kth = keys.begin();
  while (kth->total < room_) {
    const auto next = kth + 1;
    if (next->key == kth->key) {
      next->total += kth->total;
    } else {
      room_ -= kth->total;
    }
    kth = next;
  }
  low_ = high_ = kth->key;
  return end_collected();
}

std::vector<Selection::Repeated> Selection::frequent_totals() const {
  std::vector<Repeated> found;
  for (size_t f = 0; f < frequent_.size(); ++f) {
    uint64_t total = 0;
    for (const auto& tally : tallies_) total += tally.empty() ? 0 : tally[f];
    found.push_back({frequent_[f], total});
  }
  return found;
}

// The threshold is known: counts its equals by block.
uint64_t Selection::end_collected() {
  const auto found = std::find(frequent_.begin(), frequent_.end(), low_);
  const auto f = static_cast<size_t>(found - frequent_.begin());
  uint64_t equal = 0;
  equal_.assign(blocks_, 0);
  for (uint64_t i = 0; i < blocks_; ++i) {
    const auto& tally = tallies_[i];
    const auto& block = collected_[i];
    const uint64_t frequent = f < tally.size() ? tally[f] : 0;
    const auto collected = static_cast<uint64_t>(std::count(block.begin(), block.end(), low_));
    equal_[i] = static_cast<uint32_t>(frequent + collected);
    equal += equal_[i];
  }
  return end_with(equal);
}

uint64_t Selection::end_with(uint64_t equal) {
  counted_ = true;
  done_ = true;
  collected_ = {};
  tallies_ = {};
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
