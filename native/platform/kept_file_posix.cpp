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

int open_file(const std::string& path, int flags) {
  for (;;) {
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
    if (descriptor >= 0) return descriptor;
    if (errno != EINTR) throw FileError{"open", path, errno};
  }
}

// What was only read is none the worse when closing fails.
void close_file(int descriptor, const std::string& path, int flags) {
  const bool written = (flags & O_ACCMODE) != O_RDONLY;
  if (::close(descriptor) != 0 && errno != EINTR && written) throw FileError{"close", path, errno};
}

}  // namespace

KeptFile::KeptFile(const std::string& path, int flags) : path_(path), flags_(flags) {
  const int descriptor = open_file(path, flags);
  struct stat status;
  if (::fstat(descriptor, &status) != 0) {
    ::close(descriptor);
    throw FileError{"size", path, 0};
  }
  device_ = static_cast<uint64_t>(status.st_dev);
  inode_ = static_cast<uint64_t>(status.st_ino);
  if (kept.fetch_add(1) < kMostKept) {
    descriptor_ = descriptor;
    return;
  }
  kept.fetch_sub(1);
  ::close(descriptor);
}

KeptFile::~KeptFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  kept.fetch_sub(1);
}

void KeptFile::release() {
  if (descriptor_ < 0) return;
  const int closing = descriptor_;
  descriptor_ = -1;
  kept.fetch_sub(1);
  close_file(closing, path_, flags_);
}

KeptFile::Lease::Lease(const KeptFile& file) : file(file), descriptor(file.descriptor_) {
  if (descriptor >= 0) return;
  descriptor = open_file(file.path_, file.flags_);
  struct stat status;
  const bool same = ::fstat(descriptor, &status) == 0 &&
                    static_cast<uint64_t>(status.st_dev) == file.device_ &&
                    static_cast<uint64_t>(status.st_ino) == file.inode_;
  if (same) return;
  ::close(descriptor);
  throw FileError{"size", file.path_, 0};
}

KeptFile::Lease::~Lease() {
  if (descriptor >= 0 && descriptor != file.descriptor_) ::close(descriptor);
}

void KeptFile::Lease::end() {
  if (descriptor == file.descriptor_) return;
  const int closing = descriptor;
  descriptor = -1;
  close_file(closing, file.path_, file.flags_);
}

}  // namespace weightloom
#endif
