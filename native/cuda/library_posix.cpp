#if !defined(_WIN32)

#include <dlfcn.h>

#include "library.h"

namespace weightloom::cuda {

const char* driver_library_name() {
#if defined(__APPLE__)
  return "";
#else
  return "libcuda.so.1";
#endif
}

Library open_library(const std::string& name, bool) {
  Library library;
  library.handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library.handle == nullptr) {
    const char* reason = dlerror();
    library.reason = reason == nullptr ? "it cannot be loaded" : reason;
  }
  return library;
}

void* find_symbol(const Library& library, const char* name) { return dlsym(library.handle, name); }

}  // namespace weightloom::cuda

#endif
