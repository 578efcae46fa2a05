// sort_row orders as a stable sort does.
#include "../engine/rank.h"

#include <algorithm>
#include <numeric>

#include "check.h"
#include "random_words.h"

using namespace weightloom;
using namespace weightloom_test;

int main() {
  RandomWords random(71);
  std::vector<uint32_t> order, spare;
  for (size_t n = 0; n < 400; ++n) {
    for (const uint32_t range : {1u, 5u, 3000u, 1u << 23, 0xFFFFFFFFu}) {
      std::vector<uint32_t> keys(n);
      for (uint32_t& key : keys) key = static_cast<uint32_t>(random.below(range)) * (n % 7 + 1);
      std::vector<uint32_t> want(n);
      std::iota(want.begin(), want.end(), 0u);
      std::stable_sort(want.begin(), want.end(),
                       [&](uint32_t a, uint32_t b) { return keys[a] < keys[b]; });
      sort_row(keys.data(), n, order, spare);
      CHECK_THAT(order == want, "n %zu, range %u", n, range);
    }
  }
  return check_result();
}
