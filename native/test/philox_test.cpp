// Philox4x32-10: the known answers of Random123, and masks bit by bit against a plain generator.
#include "../kernels/random.h"
#include "../simd/scalar.h"

#include "../targets/dispatch.h"
#include "check.h"
#include "random_words.h"

using weightloom::KernelTable;
using weightloom::runnable_targets;
using weightloom_test::RandomWords;

namespace {

struct Known {
  uint32_t counter[4], key[2], words[4];
};

constexpr Known kKnown[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};

void check_known() {
  for (const Known& known : kKnown) {
    const RandomMaskArgs args{
        {known.key[0], known.key[1]}, 0, known.counter[2], known.counter[3], 0, 0, nullptr};
    PhiloxBlock<Scalar> block[1];
    philox<Scalar, 1>(uint64_t{known.counter[1]} << 32 | known.counter[0], args, block);
    for (int i = 0; i < 4; ++i) CHECK(block[0].words[i] == known.words[i]);
  }
}

struct Words {
  uint32_t word[4];
};

// The generator as the paper writes it.
Words plain_philox(Words c, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t first = uint64_t{0xD2511F53u} * c.word[0];
    const uint64_t second = uint64_t{0xCD9E8D57u} * c.word[2];
    c = {{static_cast<uint32_t>(second >> 32) ^ c.word[1] ^ key0, static_cast<uint32_t>(second),
          static_cast<uint32_t>(first >> 32) ^ c.word[3] ^ key1, static_cast<uint32_t>(first)}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c;
}

uint32_t word_of(const RandomMaskArgs& a, uint64_t element) {
  const uint64_t counter = element / 4;
  const Words block = plain_philox(
      {{static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), a.model, a.purpose}},
      a.key[0], a.key[1]);
  return block.word[element % 4];
}

void check_mask(const KernelTable& table, RandomMaskArgs args) {
  uint64_t mask[20] = {};
  args.mask = mask;
  table.keep_random(args);
  for (size_t i = 0; i < args.n; ++i) {
    const bool bit = (mask[i / 64] >> (i % 64) & 1) != 0;
    CHECK_THAT(bit == (word_of(args, args.first + i) < args.threshold),
               "%s: first %llu, threshold %llx, bit %zu", table.name,
               static_cast<unsigned long long>(args.first),
               static_cast<unsigned long long>(args.threshold), i);
  }
}

void check_words(const KernelTable& table, const RandomMaskArgs& args) {
  uint32_t words[20 * 64];
  table.random_words(
      {{args.key[0], args.key[1]}, args.first, args.model, args.purpose, args.n, words});
  for (size_t i = 0; i < args.n; ++i) CHECK(words[i] == word_of(args, args.first + i));
}

void check_masks(const KernelTable& table) {
  RandomWords random(5);
  for (int i = 0; i < 300; ++i) {
    RandomMaskArgs args{{random.word(), random.word()},
                        0,
                        random.word() % 300,
                        random.word() % 3,
                        random.word(),
                        0,
                        nullptr};
    args.first = random.below(uint64_t{1} << 47) * 64;
    if (i % 3 == 0) args.first = (uint64_t{1} << 34) - 64 * random.below(5);
    args.n = static_cast<size_t>(random.below(20 * 64 + 1));
    // A threshold equal to one of the words finds < against <=.
    if (i % 2 == 0) args.threshold = word_of(args, args.first + args.n / 2);
    check_mask(table, args);
    check_words(table, args);
  }
}

}  // namespace

int main() {
  check_known();
  for (const KernelTable* table : runnable_targets()) check_masks(*table);
  return weightloom_test::check_result();
}
