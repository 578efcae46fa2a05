#include "keep_loaded.h"

#if defined(_WIN32)
#include <windows.h>
#elif defined(__APPLE__)
#include <dlfcn.h>
#endif

namespace weightloom {
namespace {

// Some address in this library.
[[maybe_unused]] const char here = 0;

}  // namespace

#if defined(_WIN32)
void keep_loaded() {
  constexpr DWORD how = GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS;
  HMODULE module = nullptr;
  ::GetModuleHandleExW(how, reinterpret_cast<LPCWSTR>(&here), &module);
}
#elif defined(__APPLE__)
void keep_loaded() {
  Dl_info info;
  if (::dladdr(&here, &info) == 0) return;
  ::dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}
#else
// On Linux it is linked with -z nodelete.
void keep_loaded() {}
#endif

}  // namespace weightloom
