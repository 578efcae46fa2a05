// sin, cos, acos, exp and log from + - * / and sqrt alone, so that C++ and TypeScript
// (lib/reference/ angles.ts, the same operations in the same order) give the same bits on every
// machine. Error at most 1 ulp of binary64 on the stated domains; a test measures it.
#pragma once

namespace weightloom {

double sine(double x);         // 0 <= x <= 1e5
double cosine(double x);       // 0 <= x <= 1e5
double arc_cosine(double x);   // -1 <= x <= 1
double exponential(double x);  // -700 <= x <= 700; 0 below, infinity above
double logarithm(double x);    // normal x > 0

}  // namespace weightloom
