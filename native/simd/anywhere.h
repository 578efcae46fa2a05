// ANYWHERE marks what is compiled for the host and, by nvcc, for a GPU too. UNROLL(n) before a loop
// tells nvcc how often to unroll it, so that arrays the loop goes over stay in registers; compilers
// of the host know by themselves. INLINED marks what is used by many kernels and must not be a call
// in the loop of any: a call would pass vectors through memory and make all constants anew.
#pragma once

#if defined(__CUDACC__)
#define ANYWHERE __device__
#define WEIGHTLOOM_PRAGMA(text) _Pragma(#text)
#define UNROLL(n) WEIGHTLOOM_PRAGMA(unroll(n))
#else
#define ANYWHERE
#define UNROLL(n)
#endif

#if defined(__GNUC__) && !defined(__CUDACC__)
#define INLINED __attribute__((always_inline))
#else
#define INLINED
#endif
