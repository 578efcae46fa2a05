// ANYWHERE marks what is compiled for the host and, by nvcc, for a GPU too.
#pragma once

#if defined(__CUDACC__)
#define ANYWHERE __device__
#else
#define ANYWHERE
#endif
