// ANYWHERE marks what is compiled for the host and, by nvcc, for a GPU too. UNROLL(n) before a loop
// tells nvcc how often to unroll it, so that arrays the loop goes over stay in registers; compilers
// of the host know by themselves.
#pragma once

#if defined(__CUDACC__)
#define ANYWHERE __device__
#define WEIGHTLOOM_PRAGMA(text) _Pragma(#text)
#define UNROLL(n) WEIGHTLOOM_PRAGMA(unroll(n))
#else
#define ANYWHERE
#define UNROLL(n)
#endif
