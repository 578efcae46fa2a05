#include "cpu.h"

#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace weightloom {

#if defined(__x86_64__) || defined(_M_X64)
namespace {

struct Leaf {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Leaf cpuid(uint32_t leaf, uint32_t subleaf) {
  Leaf out;
#if defined(_MSC_VER)
  int parts[4];
  // Beyond the highest leaf the processor answers with another leaf's bits.
  __cpuid(parts, 0);
  if (static_cast<uint32_t>(parts[0]) < leaf) return out;
  __cpuidex(parts, static_cast<int>(leaf), static_cast<int>(subleaf));
  out = {static_cast<uint32_t>(parts[0]), static_cast<uint32_t>(parts[1]),
         static_cast<uint32_t>(parts[2]), static_cast<uint32_t>(parts[3])};
#else
  if (__get_cpuid_count(leaf, subleaf, &out.eax, &out.ebx, &out.ecx, &out.edx) == 0) return {};
#endif
  return out;
}

uint64_t saved_state() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
#endif
}

bool has(uint32_t value, uint32_t bits) { return (value & bits) == bits; }

// CPUID alone does not do: a kernel can leave the wide registers unsaved.
bool saves(uint64_t state) {
  const Leaf basic = cpuid(1, 0);
  constexpr uint32_t osxsave = 1u << 27;
  return has(basic.ecx, osxsave) && (saved_state() & state) == state;
}

}  // namespace

bool cpu_has_avx2() {
  constexpr uint32_t fma = 1u << 12, avx = 1u << 28, f16c = 1u << 29;
  constexpr uint32_t avx2 = 1u << 5, bmi2 = 1u << 8;
  return saves(0x6) && has(cpuid(1, 0).ecx, fma | avx | f16c) && has(cpuid(7, 0).ebx, avx2 | bmi2);
}

bool cpu_has_avx512() {
  constexpr uint32_t f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31;
  return cpu_has_avx2() && saves(0xE6) && has(cpuid(7, 0).ebx, f | dq | bw | vl);
}

#else

bool cpu_has_avx2() { return false; }
bool cpu_has_avx512() { return false; }

#endif

}  // namespace weightloom
