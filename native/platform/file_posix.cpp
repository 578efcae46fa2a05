#if !defined(_WIN32)
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include <cstdio>

#include "file.h"

namespace weightloom {
namespace {

constexpr size_t kMaxTransfer = size_t{64} << 20;

[[noreturn]] void fail(const char* operation, const std::string& path, int error_number) {
  throw FileError{operation, path, error_number};
}

int64_t modification_time(const struct stat& status) {
#if defined(__APPLE__)
  const timespec& time = status.st_mtimespec;
#else
  const timespec& time = status.st_mtim;
#endif
  return static_cast<int64_t>(time.tv_sec) * 1000000000 + time.tv_nsec;
}

}  // namespace

InputFile::InputFile(const std::string& path, uint64_t size, bool map)
    : file_(path, Access::read), size_(size) {
  file_.with([&](int descriptor) {
    struct stat status;
    if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) ||
        static_cast<uint64_t>(status.st_size) != size) {
      fail("size", path, 0);
    }
    modified_ = modification_time(status);
    if (!map || size == 0) return;
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (address != MAP_FAILED) mapping_ = static_cast<const uint8_t*>(address);
  });
  if (mapping_ == nullptr) return;
  file_.release();
  guard_ = std::make_unique<MapGuard>(const_cast<uint8_t*>(mapping_), size);
}

InputFile::~InputFile() {
  guard_.reset();
  if (mapping_ != nullptr) ::munmap(const_cast<uint8_t*>(mapping_), size_);
}

void InputFile::forget(uint64_t offset, uint64_t bytes) const {
  if (mapping_ == nullptr) return;
  ::madvise(const_cast<uint8_t*>(mapping_) + offset, bytes, MADV_DONTNEED);
}

void InputFile::read(void* into, uint64_t offset, size_t bytes) const {
  auto* to = static_cast<uint8_t*>(into);
  file_.with([&](int descriptor) {
    while (bytes > 0) {
      const size_t want = bytes < kMaxTransfer ? bytes : kMaxTransfer;
      const ssize_t got = ::pread(descriptor, to, want, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail("read", path(), errno);
      if (got == 0) fail("size", path(), 0);
      to += got;
      offset += static_cast<uint64_t>(got);
      bytes -= static_cast<size_t>(got);
    }
  });
}

// Cut short, or cut and grown again, or gone, unless the disk failed.
void InputFile::fail_check() const {
  file_.with([&](int descriptor) {
    struct stat status;
    const bool known = ::fstat(descriptor, &status) == 0;
    const bool same = known && static_cast<uint64_t>(status.st_size) == size_ &&
                      modification_time(status) == modified_;
    fail(same ? "read" : "size", path(), same ? EIO : 0);
  });
  fail("size", path(), 0);
}

OutputFile::OutputFile(const std::string& path) : file_(path, Access::write) {}

void OutputFile::write(const void* from, uint64_t offset, size_t bytes) {
  auto* at = static_cast<const uint8_t*>(from);
  file_.with([&](int descriptor) {
    while (bytes > 0) {
      const size_t want = bytes < kMaxTransfer ? bytes : kMaxTransfer;
      const ssize_t put = ::pwrite(descriptor, at, want, static_cast<off_t>(offset));
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) fail("write", file_.path(), put < 0 ? errno : EIO);
      at += put;
      offset += static_cast<uint64_t>(put);
      bytes -= static_cast<size_t>(put);
    }
  });
}

void OutputFile::finish(bool sync) {
  if (sync) {
    file_.with([&](int descriptor) {
      while (::fsync(descriptor) != 0) {
        if (errno != EINTR) fail("sync", file_.path(), errno);
      }
    });
  }
  file_.release();
}

void reserve_file(const std::string& path, uint64_t size) {
  KeptFile file(path, Access::write);
  file.with([&](int descriptor) {
#if defined(__linux__)
    int error = 0;
    do {
      error = ::posix_fallocate(descriptor, 0, static_cast<off_t>(size));
    } while (error == EINTR);
    if (error != 0 && error != EOPNOTSUPP && error != EINVAL) fail("reserve", path, error);
#endif
    if (::ftruncate(descriptor, static_cast<off_t>(size)) != 0) fail("reserve", path, errno);
  });
  file.release();
}

bool exchange_paths(const std::string& a, const std::string& b) {
#if defined(__APPLE__)
  const int result = ::renamex_np(a.c_str(), b.c_str(), RENAME_SWAP);
#elif defined(RENAME_EXCHANGE)
  const int result = ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
#elif defined(SYS_renameat2)
  // musl has the call only since 1.2.6; 2 is RENAME_EXCHANGE.
  const long result = ::syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), 2u);
#else
  const int result = -1;
  errno = ENOSYS;
#endif
  if (result == 0) return true;
  if (errno == ENOSYS || errno == EINVAL || errno == ENOTSUP) return false;
  fail("exchange", b, errno);
}

}  // namespace weightloom
#endif
