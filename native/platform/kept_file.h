// A file that is used for as long as a job lasts. Some files of a process keep their descriptor;
// the others are opened again for every use, so that a model of hundreds of shards needs few
// descriptors. An opened file is always the one that was opened first.
#pragma once

#include <cstdint>
#include <string>

namespace weightloom {

struct FileError {
  std::string operation;
  std::string path;
  int error_number;  // as in <cerrno>, on every system; 0 when the file is not what it was

  // Whether the disk or its owner's share of it is full.
  bool is_full() const;
};

#if defined(_WIN32)
using FileHandle = void*;
inline const FileHandle kNoFile = reinterpret_cast<FileHandle>(intptr_t{-1});
#else
using FileHandle = int;
constexpr FileHandle kNoFile = -1;
#endif

enum class Access { read, write };

class KeptFile {
 public:
  // Opens a file that exists. Throws FileError, as everything here does.
  KeptFile(const std::string& path, Access access);
  ~KeptFile();
  KeptFile(const KeptFile&) = delete;
  KeptFile& operator=(const KeptFile&) = delete;

  const std::string& path() const { return path_; }
  // Calls `use` with a handle that is valid for the call. A close that fails afterwards is an
  // error, for it may tell of writes that failed.
  template <class Use>
  void with(Use use) const {
    Lease lease(*this);
    use(lease.handle);
    lease.end();
  }
  // Closes the handle, if one is kept; the file can still be used.
  void release();

 private:
  struct Lease {
    explicit Lease(const KeptFile& file);
    ~Lease();
    void end();
    const KeptFile& file;
    FileHandle handle;
  };

  std::string path_;
  Access access_;
  uint64_t device_ = 0;
  uint64_t inode_ = 0;
  FileHandle handle_ = kNoFile;
};

}  // namespace weightloom
