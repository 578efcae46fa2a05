// A shared library loaded at run time.
#pragma once

#include <string>

namespace weightloom::cuda {

struct Library {
  void* handle = nullptr;
  std::string reason;  // why there is none
};

// The usual name of the driver's library; empty where there never is one.
const char* driver_library_name();
// `trusted`: from the system's own folders only, where the system knows such.
Library open_library(const std::string& name, bool trusted);
void* find_symbol(const Library& library, const char* name);

}  // namespace weightloom::cuda
