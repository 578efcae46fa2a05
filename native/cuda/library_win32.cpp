#if defined(_WIN32)

#include <windows.h>

#include "../platform/win32.h"
#include "library.h"

namespace weightloom::cuda {

const char* driver_library_name() { return "nvcuda.dll"; }

Library open_library(const std::string& name, bool trusted) {
  Library library;
  const DWORD flags = trusted ? LOAD_LIBRARY_SEARCH_SYSTEM32 : 0;
  library.handle = LoadLibraryExA(name.c_str(), nullptr, flags);
  if (library.handle == nullptr) library.reason = "error " + std::to_string(GetLastError());
  return library;
}

void* find_symbol(const Library& library, const char* name) {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library.handle), name));
}

}  // namespace weightloom::cuda

#endif
