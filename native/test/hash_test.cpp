// XXH64: published answers, and a plain byte-by-byte account of the specification.
#include "../engine/hash.h"

#include <initializer_list>
#include <vector>

#include "../targets/dispatch.h"
#include "check.h"
#include "plain_xxh64.h"
#include "random_words.h"

using namespace weightloom;
using namespace weightloom_test;

namespace {

void check_published() {
  CHECK(xxh64(nullptr, 0, 0) == 0xef46db3751d8e999ull);
  CHECK(xxh64("abc", 3, 0) == 0x44bc2cf5ad770999ull);
  const char* const pangram = "The quick brown fox jumps over the lazy dog";
  CHECK(xxh64(pangram, 43, 0) == 0x0b242d361fda71bcull);
}

void check_digest() {
  RandomWords random(11);
  for (size_t blocks = 0; blocks < 40; ++blocks) {
    std::vector<uint64_t> digests;
    std::vector<uint8_t> bytes;
    for (size_t i = 0; i < blocks; ++i) {
      digests.push_back(random.next());
      for (int k = 0; k < 8; ++k) bytes.push_back(static_cast<uint8_t>(digests[i] >> (8 * k)));
    }
    CHECK(digest_of_blocks(digests) == plain_xxh64(bytes, 0));
  }
}

// Many messages at once, on every target.
void check_together() {
  RandomWords random(13);
  std::vector<uint8_t> bytes(kMostMessages * 3000 + 1);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
  for (const KernelTable* kernels : runnable_targets()) {
    for (size_t count = 0; count <= kMostMessages; ++count) {
      for (const size_t length : {0, 1, 31, 32, 33, 64, 1000, 3000}) {
        std::vector<const uint8_t*> messages;
        for (size_t i = 0; i < count; ++i) messages.push_back(bytes.data() + 1 + i * length);
        std::vector<uint64_t> digests(count);
        xxh64(*kernels, messages.data(), count, length, 5, digests.data());
        for (size_t i = 0; i < count; ++i) CHECK(digests[i] == xxh64(messages[i], length, 5));
      }
    }
  }
}

}  // namespace

int main() {
  check_published();
  check_together();
  check_digest();
  RandomWords random(7);
  for (size_t length = 0; length < 600; ++length) {
    // One byte of room, so that the hashed bytes start at odd addresses too.
    std::vector<uint8_t> bytes(length + 1);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
    const std::vector<uint8_t> hashed(bytes.begin() + 1, bytes.end());
    for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, random.next()}) {
      CHECK(xxh64(bytes.data() + 1, length, seed) == plain_xxh64(hashed, seed));
    }
  }
  return check_result();
}
