// Holds the floating-point mode the contract needs (nearest even, denormals kept, no traps) for as
// long as it lives: another library in the process may have set a different one on this thread.
#pragma once

#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#elif defined(_M_ARM64)
#include <intrin.h>
#endif

namespace weightloom {

class FloatMode {
 public:
#if defined(__x86_64__) || defined(_M_X64)
  FloatMode() : saved_(_mm_getcsr()) { _mm_setcsr(0x1F80); }
  ~FloatMode() { _mm_setcsr(saved_); }

 private:
  unsigned saved_;
#elif defined(__aarch64__) && !defined(_MSC_VER)
  FloatMode() {
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved_));
    __asm__ volatile("msr fpcr, %0" : : "r"(uint64_t{0}));
  }
  ~FloatMode() { __asm__ volatile("msr fpcr, %0" : : "r"(saved_)); }

 private:
  uint64_t saved_;
#elif defined(_M_ARM64)
  FloatMode() : saved_(_ReadStatusReg(ARM64_FPCR)) { _WriteStatusReg(ARM64_FPCR, 0); }
  ~FloatMode() { _WriteStatusReg(ARM64_FPCR, saved_); }

 private:
  __int64 saved_;
#else
  FloatMode() = default;
  ~FloatMode() {}
#endif

 public:
  FloatMode(const FloatMode&) = delete;
  FloatMode& operator=(const FloatMode&) = delete;
};

}  // namespace weightloom
