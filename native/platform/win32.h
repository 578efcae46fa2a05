// What the Windows files of this folder share.
#pragma once

#if defined(_WIN32)
#include <string>

namespace weightloom {

// A path in UTF-8 as the system's functions take it, however long it is.
std::wstring wide_path(const std::string& path);

// The number of <cerrno> that comes nearest to an error of the system.
int errno_of(unsigned long system_error);

}  // namespace weightloom
#endif
