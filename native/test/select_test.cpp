// Selection keeps what a stable sort by falling key would put first, for any blocks and many ties.
#include "../engine/select.h"

#include <initializer_list>
#include <vector>

#include "check.h"
#include "plain_select.h"
#include "random_words.h"

using namespace weightloom;
using namespace weightloom_test;

namespace {

constexpr int kKinds = 7;

// kind: 0 any key, 1 few different, 2 all equal, 3 differing in low bits alone, 4 floats, 5 some
// that are frequent among others, 6 the same in any octave
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
      case 5:
      case 6:
        key = kind == 5 ? 0x3F800000u | random.word() >> 12 : random.word() >> random.below(32);
        if (random.below(2) == 0) key &= kind == 5 ? ~uint32_t{0x3FFFF} : 0x70000000u;
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
