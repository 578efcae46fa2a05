// Which targets this processor and operating system can run.
#pragma once

namespace weightloom {

bool cpu_has_avx2();    // AVX2, FMA, F16C, BMI2, and the system saves ymm registers
bool cpu_has_avx512();  // the above, AVX-512 F, BW, VL, DQ, and the system saves zmm registers

}  // namespace weightloom
