#if defined(_WIN32)
#include <windows.h>

#include <atomic>
#include <cerrno>

#include "kept_file.h"
#include "win32.h"

namespace weightloom {
namespace {

// As on POSIX: the system would bear more, but then the two would behave differently.
constexpr int kMostKept = 16;
std::atomic<int> kept{0};

// Others may rename and remove the file meanwhile, as on POSIX.
HANDLE open_file(const std::string& path, Access access) {
  const DWORD wanted = access == Access::read ? GENERIC_READ : GENERIC_WRITE;
  const DWORD sharing = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  const HANDLE handle = ::CreateFileW(wide_path(path).c_str(), wanted, sharing, nullptr,
                                      OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (handle != INVALID_HANDLE_VALUE) return handle;
  throw FileError{"open", path, errno_of(::GetLastError())};
}

// What was only read is none the worse when closing fails.
void close_file(HANDLE handle, const std::string& path, Access access) {
  if (::CloseHandle(handle) || access == Access::read) return;
  throw FileError{"close", path, errno_of(::GetLastError())};
}

// What tells a file from all others of this system, or false.
bool identify(HANDLE handle, uint64_t& device, uint64_t& inode) {
  BY_HANDLE_FILE_INFORMATION about;
  if (!::GetFileInformationByHandle(handle, &about)) return false;
  device = about.dwVolumeSerialNumber;
  inode = (static_cast<uint64_t>(about.nFileIndexHigh) << 32) | about.nFileIndexLow;
  return true;
}

}  // namespace

bool FileError::is_full() const { return error_number == ENOSPC; }

KeptFile::KeptFile(const std::string& path, Access access) : path_(path), access_(access) {
  const HANDLE handle = open_file(path, access);
  if (!identify(handle, device_, inode_)) {
    ::CloseHandle(handle);
    throw FileError{"size", path, 0};
  }
  if (kept.fetch_add(1) < kMostKept) {
    handle_ = handle;
    return;
  }
  kept.fetch_sub(1);
  ::CloseHandle(handle);
}

KeptFile::~KeptFile() {
  if (handle_ == kNoFile) return;
  ::CloseHandle(handle_);
  kept.fetch_sub(1);
}

void KeptFile::release() {
  if (handle_ == kNoFile) return;
  const HANDLE closing = handle_;
  handle_ = kNoFile;
  kept.fetch_sub(1);
  close_file(closing, path_, access_);
}

KeptFile::Lease::Lease(const KeptFile& file) : file(file), handle(file.handle_) {
  if (handle != kNoFile) return;
  handle = open_file(file.path_, file.access_);
  uint64_t device = 0, inode = 0;
  const bool same =
      identify(handle, device, inode) && device == file.device_ && inode == file.inode_;
  if (same) return;
  ::CloseHandle(handle);
  throw FileError{"size", file.path_, 0};
}

KeptFile::Lease::~Lease() {
  if (handle != kNoFile && handle != file.handle_) ::CloseHandle(handle);
}

void KeptFile::Lease::end() {
  if (handle == file.handle_) return;
  const HANDLE closing = handle;
  handle = kNoFile;
  close_file(closing, file.path_, file.access_);
}

}  // namespace weightloom
#endif
