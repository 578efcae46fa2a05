// Selection keeps what a stable sort by falling key would put first, for any blocks and many ties.
#include "../engine/select.h"

#include <algorithm>
#include <initializer_list>
#include <numeric>
#include <vector>

#include "check.h"
#include "random_words.h"

using namespace weightloom;
using namespace weightloom_test;

namespace {

using Keys = std::vector<uint32_t>;

constexpr size_t kTileKeys = 7;
constexpr int kKinds = 5;

// Calls body(keys, count, index of the first) for the tiles of one block.
template <class Body>
void each_tile(const Keys& keys, size_t block_size, uint64_t block, Body body) {
  const size_t start = static_cast<size_t>(block) * block_size;
  const size_t end = std::min(keys.size(), start + block_size);
  for (size_t at = start; at < end; at += kTileKeys) {
    body(&keys[at], std::min(kTileKeys, end - at), at);
  }
}

// One sweep over the blocks, in an order that changes with the sweep.
void sweep(Selection& selection, const Keys& keys, size_t block_size, uint64_t blocks, int turn) {
  for (uint64_t i = 0; i < blocks; ++i) {
    const uint64_t index = turn % 2 == 0 ? i : blocks - 1 - i;
    std::vector<uint32_t> bins(Selection::kBins), inside(block_size);
    SweepBlock block;
    block.bins = bins.data();
    block.keys = inside.data();
    each_tile(keys, block_size, index,
              [&](const uint32_t* at, size_t n, size_t) { selection.add(at, n, block); });
    selection.finish_block(index, block);
  }
}

// `sample`: any keys; good or bad, they change nothing but the number of sweeps.
std::vector<bool> selected(const Keys& keys, uint64_t keep, size_t block_size, Keys sample) {
  const uint64_t blocks = (keys.size() + block_size - 1) / block_size;
  Selection selection(keep, keys.size(), blocks);
  selection.bracket(sample);
  for (int turn = 0; !selection.done() && turn < 12; ++turn) {
    sweep(selection, keys, block_size, blocks, turn);
    const uint64_t again = selection.advance();
    if (again == Selection::kNone) continue;
    each_tile(keys, block_size, again, [&](const uint32_t* at, size_t n, size_t first) {
      selection.find_cut(at, n, first);
    });
  }
  CHECK(selection.done());
  std::vector<bool> out;
  for (size_t i = 0; i < keys.size(); ++i) {
    const bool tied = keys[i] == selection.result().key && i < selection.result().cut;
    out.push_back(keys[i] > selection.result().key || tied);
  }
  return out;
}

std::vector<bool> sorted(const Keys& keys, uint64_t keep) {
  std::vector<size_t> order(keys.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return keys[a] > keys[b]; });
  std::vector<bool> out(keys.size());
  for (uint64_t i = 0; i < keep; ++i) out[order[i]] = true;
  return out;
}

// kind: 0 any key, 1 few different, 2 all equal, 3 differing in low bits alone, 4 floats
Keys make_keys(size_t n, int kind, RandomWords& random) {
  Keys keys(n);
  for (uint32_t& key : keys) {
    switch (kind) {
      case 0:
        key = random.word();
        break;
      case 1:
        key = static_cast<uint32_t>(random.below(3)) << 20 | 0x7F;
        break;
      case 2:
        key = 0x3F800000u;
        break;
      case 3:
        key = 0x3F800000u | static_cast<uint32_t>(random.below(5));
        break;
      default:
        key = awkward_bits(random) & 0x7FFFFFFFu;
        break;
    }
    if (kind == 4 && key > 0x7F800000u) key = 0x7FFFFFFFu;
  }
  return keys;
}

// Every number to keep of short rows of keys.
void check_short() {
  RandomWords random(13);
  for (size_t n = 1; n <= 90; ++n) {
    for (int kind = 0; kind < kKinds; ++kind) {
      const Keys keys = make_keys(n, kind, random);
      for (uint64_t keep = 1; keep <= n; ++keep) {
        const size_t block_size = 1 + static_cast<size_t>(random.below(40));
        CHECK_THAT(selected(keys, keep, block_size, {}) == sorted(keys, keep),
                   "n %zu, kind %d, keep %llu, blocks of %zu", n, kind,
                   static_cast<unsigned long long>(keep), block_size);
      }
    }
  }
}

// Samples of the keys themselves, of other keys, and of one key only.
void check_sampled() {
  RandomWords random(17);
  for (int kind = 0; kind < kKinds; ++kind) {
    const Keys keys = make_keys(30'011, kind, random);
    for (int of = 0; of < kKinds; ++of) {
      Keys sample = make_keys(2000, of, random);
      for (size_t i = 0; of == kind && i < sample.size(); ++i) sample[i] = keys[i * 15];
      for (const uint64_t keep : {1, 100, 15'000, 30'010, 30'011}) {
        CHECK_THAT(selected(keys, keep, 1000, sample) == sorted(keys, keep),
                   "kind %d, sample of %d, keep %llu", kind, of,
                   static_cast<unsigned long long>(keep));
      }
    }
  }
}

// More keys than a selection collects, so that it counts them in bins.
void check_large() {
  RandomWords random(19);
  const size_t n = 2 * static_cast<size_t>(Selection::kMostCollected) + 12'345;
  for (int kind = 0; kind < kKinds; ++kind) {
    const Keys keys = make_keys(n, kind, random);
    const Keys sample = make_keys(1 << 14, (kind + 1) % kKinds, random);
    const uint64_t keep = 1 + random.below(n - 1);
    const std::vector<bool> want = sorted(keys, keep);
    CHECK_THAT(selected(keys, keep, 65'536, {}) == want, "kind %d", kind);
    CHECK_THAT(selected(keys, keep, 65'536, sample) == want, "kind %d, misled", kind);
  }
}

}  // namespace

int main() {
  check_short();
  check_sampled();
  check_large();
  return check_result();
}
