// CHECK(condition) counts and reports failures; main() ends with `return check_result()`.
#pragma once

#include <atomic>
#include <cstdio>

namespace weightloom_test {

struct Counts {  // of all threads
  std::atomic<unsigned long long> checks = 0;
  std::atomic<unsigned long long> failures = 0;
};

inline Counts& counts() {
  static Counts only;
  return only;
}

// True when a failure should be told; after twenty they are only counted.
inline bool count_check(bool passed) {
  ++counts().checks;
  if (passed) return false;
  return ++counts().failures <= 20;
}

inline int check_result() {
  std::printf("%llu checks, %llu failures\n", counts().checks.load(), counts().failures.load());
  return counts().failures == 0 && counts().checks > 0 ? 0 : 1;
}

}  // namespace weightloom_test

#define CHECK(condition)                                                  \
  do {                                                                    \
    if (weightloom_test::count_check(condition))                          \
      std::printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
  } while (false)

// The same with a printf-style account of the circumstances.
#define CHECK_THAT(condition, ...)                                        \
  do {                                                                    \
    if (weightloom_test::count_check(condition)) {                        \
      std::printf("%s:%d: failed: %s: ", __FILE__, __LINE__, #condition); \
      std::printf(__VA_ARGS__);                                           \
      std::printf("\n");                                                  \
    }                                                                     \
  } while (false)
