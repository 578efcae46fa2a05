// Files by position: the only system calls of the engine. Every function loops over interruptions
// and short transfers, and throws FileError with the system's error number when it cannot go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "kept_file.h"
#include "map_guard.h"

namespace weightloom {

// A read-only file: mapped whole when the system allows it, else read by position.
class InputFile {
 public:
  // Opens the file and insists on this size.
  InputFile(const std::string& path, uint64_t size, bool map);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const uint8_t* mapping() const { return mapping_; }
  uint64_t size() const { return size_; }
  const std::string& path() const { return file_.path(); }
  void read(void* into, uint64_t offset, size_t bytes) const;
  // The range of the mapping will hardly be read again: what unmapping it would cost is paid now.
  void forget(uint64_t offset, uint64_t bytes) const;
  // Throws when something that was read through the mapping was not there. To be asked after every
  // use of the mapping, before its results count.
  void check() const {
    if (guard_ != nullptr && guard_->hit()) fail_check();
  }

 private:
  [[noreturn]] void fail_check() const;

  KeptFile file_;
  uint64_t size_;
  int64_t modified_ = 0;  // nanoseconds
  const uint8_t* mapping_ = nullptr;
  std::unique_ptr<MapGuard> guard_;
};

// A file that exists and is written in place by position.
class OutputFile {
 public:
  explicit OutputFile(const std::string& path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(const void* from, uint64_t offset, size_t bytes);
  // Makes everything written durable, then closes; a failure of either is an error.
  void finish(bool sync);

 private:
  KeptFile file_;
};

// Gives a file its final size with its blocks reserved, so that a full disk shows at once.
void reserve_file(const std::string& path, uint64_t size);

// Lets two paths change places in one step; false where the system or file system cannot.
bool exchange_paths(const std::string& a, const std::string& b);

}  // namespace weightloom
