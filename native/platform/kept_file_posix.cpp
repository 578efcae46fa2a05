#if !defined(_WIN32)
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>

#include "kept_file.h"

namespace weightloom {
namespace {

// Descriptors that all jobs together keep; few enough to leave room below a limit of 64.
constexpr int kMostKept = 16;
std::atomic<int> kept{0};

int open_file(const std::string& path, Access access) {
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
  const int flags = access == Access::read ? O_RDONLY | O_NONBLOCK : O_WRONLY;
  for (;;) {
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
    if (descriptor >= 0) return descriptor;
    if (errno != EINTR) throw FileError{"open", path, errno};
  }
}

// What was only read is none the worse when closing fails.
void close_file(int descriptor, const std::string& path, Access access) {
  if (::close(descriptor) == 0 || errno == EINTR || access == Access::read) return;
  throw FileError{"close", path, errno};
}

}  // namespace

bool FileError::is_full() const { return error_number == ENOSPC || error_number == EDQUOT; }

KeptFile::KeptFile(const std::string& path, Access access) : path_(path), access_(access) {
  const int descriptor = open_file(path, access);
  struct stat status;
  if (::fstat(descriptor, &status) != 0) {
    ::close(descriptor);
    throw FileError{"size", path, 0};
  }
  device_ = static_cast<uint64_t>(status.st_dev);
  inode_ = static_cast<uint64_t>(status.st_ino);
  if (kept.fetch_add(1) < kMostKept) {
    handle_ = descriptor;
    return;
  }
  kept.fetch_sub(1);
  ::close(descriptor);
}

KeptFile::~KeptFile() {
  if (handle_ < 0) return;
  ::close(handle_);
  kept.fetch_sub(1);
}

void KeptFile::release() {
  if (handle_ < 0) return;
  const int closing = handle_;
  handle_ = -1;
  kept.fetch_sub(1);
  close_file(closing, path_, access_);
}

KeptFile::Lease::Lease(const KeptFile& file) : file(file), handle(file.handle_) {
  if (handle >= 0) return;
  handle = open_file(file.path_, file.access_);
  struct stat status;
  const bool same = ::fstat(handle, &status) == 0 &&
                    static_cast<uint64_t>(status.st_dev) == file.device_ &&
                    static_cast<uint64_t>(status.st_ino) == file.inode_;
  if (same) return;
  ::close(handle);
  throw FileError{"size", file.path_, 0};
}

KeptFile::Lease::~Lease() {
  if (handle >= 0 && handle != file.handle_) ::close(handle);
}

void KeptFile::Lease::end() {
  if (handle == file.handle_) return;
  const int closing = handle;
  handle = -1;
  close_file(closing, file.path_, file.access_);
}

}  // namespace weightloom
#endif
