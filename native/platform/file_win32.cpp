#if defined(_WIN32)
#include <windows.h>

#include <cerrno>

#include "file.h"
#include "win32.h"

namespace weightloom {
namespace {

constexpr size_t kMaxTransfer = size_t{64} << 20;

[[noreturn]] void fail(const char* operation, const std::string& path, int error_number) {
  throw FileError{operation, path, error_number};
}

[[noreturn]] void fail_with_last(const char* operation, const std::string& path) {
  fail(operation, path, errno_of(::GetLastError()));
}

struct Status {
  uint64_t size = 0;
  int64_t modified = 0;
};

bool status_of(HANDLE handle, Status& status) {
  BY_HANDLE_FILE_INFORMATION about;
  if (::GetFileType(handle) != FILE_TYPE_DISK) return false;
  if (!::GetFileInformationByHandle(handle, &about)) return false;
  if ((about.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0) return false;
  status.size = (static_cast<uint64_t>(about.nFileSizeHigh) << 32) | about.nFileSizeLow;
  const FILETIME& time = about.ftLastWriteTime;
  const uint64_t ticks = (static_cast<uint64_t>(time.dwHighDateTime) << 32) | time.dwLowDateTime;
  status.modified = static_cast<int64_t>(ticks) * 100;
  return true;
}

// The part of a request that says where in the file.
OVERLAPPED at(uint64_t offset) {
  OVERLAPPED place = {};
  place.Offset = static_cast<DWORD>(offset);
  place.OffsetHigh = static_cast<DWORD>(offset >> 32);
  return place;
}

DWORD portion(size_t bytes) {
  return static_cast<DWORD>(bytes < kMaxTransfer ? bytes : kMaxTransfer);
}

}  // namespace

InputFile::InputFile(const std::string& path, uint64_t size, bool map)
    : file_(path, Access::read), size_(size) {
  file_.with([&](HANDLE handle) {
    Status status;
    if (!status_of(handle, status) || status.size != size) fail("size", path, 0);
    modified_ = status.modified;
    if (!map || size == 0) return;
    const HANDLE section = ::CreateFileMappingW(handle, nullptr, PAGE_READONLY, 0, 0, nullptr);
    if (section == nullptr) return;
    mapping_ = static_cast<const uint8_t*>(::MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0));
    ::CloseHandle(section);
  });
  if (mapping_ == nullptr) return;
  file_.release();
  guard_ = std::make_unique<MapGuard>(mapping_, size);
}

InputFile::~InputFile() {
  guard_.reset();
  if (mapping_ == nullptr) return;
  auto* const address = const_cast<uint8_t*>(mapping_);
  // The guard may have put zeros in the view's place.
  if (!::UnmapViewOfFile(address)) ::VirtualFree(address, 0, MEM_RELEASE);
}

// Unmapping costs as much in any case.
void InputFile::forget(uint64_t, uint64_t) const {}

void InputFile::read(void* into, uint64_t offset, size_t bytes) const {
  auto* to = static_cast<uint8_t*>(into);
  file_.with([&](HANDLE handle) {
    while (bytes > 0) {
      OVERLAPPED place = at(offset);
      DWORD got = 0;
      if (!::ReadFile(handle, to, portion(bytes), &got, &place)) {
        if (::GetLastError() != ERROR_HANDLE_EOF) fail_with_last("read", path());
        got = 0;
      }
      if (got == 0) fail("size", path(), 0);
      to += got;
      offset += got;
      bytes -= got;
    }
  });
}

// Gone, or changed on the machine that has it, unless the disk failed.
void InputFile::fail_check() const {
  file_.with([&](HANDLE handle) {
    Status status;
    const bool known = status_of(handle, status);
    const bool same = known && status.size == size_ && status.modified == modified_;
    fail(same ? "read" : "size", path(), same ? EIO : 0);
  });
  fail("size", path(), 0);
}

OutputFile::OutputFile(const std::string& path) : file_(path, Access::write) {}

void OutputFile::write(const void* from, uint64_t offset, size_t bytes) {
  auto* next = static_cast<const uint8_t*>(from);
  file_.with([&](HANDLE handle) {
    while (bytes > 0) {
      OVERLAPPED place = at(offset);
      DWORD put = 0;
      if (!::WriteFile(handle, next, portion(bytes), &put, &place)) {
        fail_with_last("write", file_.path());
      }
      if (put == 0) fail("write", file_.path(), EIO);
      next += put;
      offset += put;
      bytes -= put;
    }
  });
}

void OutputFile::finish(bool sync) {
  if (sync) {
    file_.with([&](HANDLE handle) {
      if (!::FlushFileBuffers(handle)) fail_with_last("sync", file_.path());
    });
  }
  file_.release();
}

void reserve_file(const std::string& path, uint64_t size) {
  KeptFile file(path, Access::write);
  file.with([&](HANDLE handle) {
    FILE_ALLOCATION_INFO room;
    room.AllocationSize.QuadPart = static_cast<LONGLONG>(size);
    FILE_END_OF_FILE_INFO end;
    end.EndOfFile.QuadPart = static_cast<LONGLONG>(size);
    // Not every file system can set room aside; it says so by other errors than a full disk's.
    if (!::SetFileInformationByHandle(handle, FileAllocationInfo, &room, sizeof(room)) &&
        errno_of(::GetLastError()) == ENOSPC) {
      fail("reserve", path, ENOSPC);
    }
    if (!::SetFileInformationByHandle(handle, FileEndOfFileInfo, &end, sizeof(end))) {
      fail_with_last("reserve", path);
    }
  });
  file.release();
}

// Windows has no such step.
bool exchange_paths(const std::string&, const std::string&) { return false; }

}  // namespace weightloom
#endif
