// The torch stream is the Mersenne twister of the C++ library, cut into parts that begin anywhere
// and are handed out in order, whoever asks first.
#include "../engine/torch_stream.h"

#include <algorithm>
#include <random>
#include <thread>

#include "check.h"
#include "random_words.h"

using namespace weightloom;
using namespace weightloom_test;

namespace {

std::vector<uint32_t> plain_draws(uint32_t seed, size_t n) {
  std::mt19937 generator(seed);
  std::vector<uint32_t> out(n);
  for (uint32_t& word : out) word = static_cast<uint32_t>(generator());
  return out;
}

void check_draw_and_skip(uint32_t seed) {
  RandomWords random(seed);
  const auto want = plain_draws(seed, 20'000);
  Mt19937 generator(seed);
  for (size_t at = 0;;) {
    const size_t skipped = static_cast<size_t>(random.below(2000));
    const size_t drawn = static_cast<size_t>(random.below(2000));
    if (at + skipped + drawn > want.size()) break;
    generator.skip(skipped);
    at += skipped;
    std::vector<uint32_t> got(drawn);
    generator.draw(got.data(), drawn);
    CHECK(std::equal(got.begin(), got.end(), want.begin() + static_cast<std::ptrdiff_t>(at)));
    at += drawn;
  }
}

// Three tensors ask at once; each gets its own part, block by block.
void check_parts() {
  constexpr uint64_t counts[] = {1500, 1, 4096, 777};
  constexpr uint64_t part = 1000;
  const auto want = plain_draws(7, 10'000);
  TorchStream stream;
  std::vector<Mt19937> states[4];
  std::vector<std::thread> threads;
  for (int i = 3; i >= 0; --i) {
    uint64_t offset = 0;
    for (int k = 0; k < i; ++k) offset += counts[k];
    threads.emplace_back([&, i, offset] { states[i] = stream.take(7, offset, counts[i], part); });
  }
  for (std::thread& thread : threads) thread.join();
  size_t at = 0;
  for (int i = 0; i < 4; ++i) {
    CHECK(states[i].size() == (counts[i] + part - 1) / part);
    for (uint64_t first = 0; first < counts[i]; first += part) {
      std::vector<uint32_t> got(std::min(part, counts[i] - first));
      states[i][first / part].draw(got.data(), got.size());
      CHECK(std::equal(got.begin(), got.end(), want.begin() + static_cast<std::ptrdiff_t>(at)));
      at += got.size();
    }
  }
}

void check_stop() {
  TorchStream stream;
  std::thread waiting([&] { CHECK(stream.take(1, 100, 10, 5).empty()); });
  stream.stop();
  waiting.join();
}

}  // namespace

int main() {
  for (const uint32_t seed : {0u, 1u, 42u, 5489u, 0xFFFFFFFFu}) check_draw_and_skip(seed);
  check_parts();
  check_stop();
  return check_result();
}
