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
  int error_number;
};

class KeptFile {
 public:
  // Opens the file with the flags of open(). Throws FileError, as everything here does.
  KeptFile(const std::string& path, int flags);
  ~KeptFile();
  KeptFile(const KeptFile&) = delete;
  KeptFile& operator=(const KeptFile&) = delete;

  const std::string& path() const { return path_; }
  // Calls `use` with a descriptor that is valid for the call. A close that fails afterwards is an
  // error, for it may tell of writes that failed.
  template <class Use>
  void with(Use use) const {
    Lease lease(*this);
    use(lease.descriptor);
    lease.end();
  }
  // Closes the descriptor, if one is kept; the file can still be used.
  void release();

 private:
  struct Lease {
    explicit Lease(const KeptFile& file);
    ~Lease();
    void end();
    const KeptFile& file;
    int descriptor;
  };

  std::string path_;
  int flags_;
  uint64_t device_ = 0;
  uint64_t inode_ = 0;
  int descriptor_ = -1;
};

}  // namespace weightloom
