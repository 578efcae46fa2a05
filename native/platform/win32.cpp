#if defined(_WIN32)
#include "win32.h"

#include <windows.h>

#include <cerrno>

namespace weightloom {
namespace {

std::wstring full_path(const std::wstring& path) {
  std::wstring full;
  for (DWORD size = 512;;) {
    full.resize(size);
    const DWORD needed = ::GetFullPathNameW(path.c_str(), size, full.data(), nullptr);
    if (needed == 0) return path;
    full.resize(needed < size ? needed : 0);
    if (!full.empty()) return full;
    size = needed;
  }
}

}  // namespace

// Paths of 260 characters and more are only taken in the system's own form, which has no "/", no
// ".." and no current folder.
std::wstring wide_path(const std::string& path) {
  const int bytes = static_cast<int>(path.size());
  const int length = ::MultiByteToWideChar(CP_UTF8, 0, path.data(), bytes, nullptr, 0);
  std::wstring wide(static_cast<size_t>(length), L'\0');
  ::MultiByteToWideChar(CP_UTF8, 0, path.data(), bytes, wide.data(), length);
  constexpr size_t kShort = 240;
  if (wide.size() < kShort || wide.rfind(LR"(\\?\)", 0) == 0) return wide;
  const std::wstring full = full_path(wide);
  const bool shared = full.rfind(LR"(\\)", 0) == 0;
  return shared ? LR"(\\?\UNC\)" + full.substr(2) : LR"(\\?\)" + full;
}

// ERROR_DISK_QUOTA_EXCEEDED, which MinGW's headers lack.
constexpr DWORD kDiskQuotaExceeded = 1295;

int errno_of(unsigned long system_error) {
  switch (system_error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
      return ENOENT;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION:
    case ERROR_USER_MAPPED_FILE:
      return EACCES;
    case ERROR_WRITE_PROTECT:
      return EROFS;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
    case kDiskQuotaExceeded:
      return ENOSPC;
    case ERROR_FILE_TOO_LARGE:
      return EFBIG;
    case ERROR_TOO_MANY_OPEN_FILES:
      return EMFILE;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_COMMITMENT_LIMIT:
      return ENOMEM;
    default:
      return EIO;
  }
}

}  // namespace weightloom
#endif
