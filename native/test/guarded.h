// Buffers that end at, or up to three bytes before, a page that may not be touched, with canaries
// around them: a read beyond the end faults, a write beyond either end is found.
#pragma once

#if defined(_WIN32)
#include <windows.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace weightloom_test {

#if defined(_WIN32)
inline size_t page_bytes() {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwPageSize;
}

// Memory whose last page may not be touched; or null.
inline void* map_guarded(size_t room, size_t page) {
  void* memory = VirtualAlloc(nullptr, room + page, MEM_RESERVE, PAGE_NOACCESS);
  return memory == nullptr ? nullptr : VirtualAlloc(memory, room, MEM_COMMIT, PAGE_READWRITE);
}
inline void unmap_guarded(void* memory, size_t) { VirtualFree(memory, 0, MEM_RELEASE); }
#else
inline size_t page_bytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

// Memory whose last page may not be touched; or null.
inline void* map_guarded(size_t room, size_t page) {
  void* memory =
      mmap(nullptr, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  return mprotect(static_cast<uint8_t*>(memory) + room, page, PROT_NONE) == 0 ? memory : nullptr;
}
inline void unmap_guarded(void* memory, size_t bytes) { munmap(memory, bytes); }
#endif

class Guarded {
 public:
  explicit Guarded(size_t capacity) {
    const size_t page = page_bytes();
    room_ = (capacity + 2 * kCanary + page - 1) / page * page;
    mapped_ = room_ + page;
    start_ = static_cast<uint8_t*>(map_guarded(room_, page));
    if (start_ == nullptr) std::abort();
  }
  ~Guarded() { unmap_guarded(start_, mapped_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  // A place of `size` bytes that ends `gap` bytes (0 to 3) before the guard page.
  uint8_t* place(size_t size, size_t gap) {
    gap_ = gap;
    at_ = start_ + room_ - gap - size;
    std::memset(at_ - kCanary, kCanaryByte, kCanary);
    std::memset(at_ + size, kCanaryByte, gap);
    end_ = at_ + size;
    return at_;
  }
  bool intact() const { return all_canary(at_ - kCanary, kCanary) && all_canary(end_, gap_); }
  size_t room() const { return room_ - 2 * kCanary; }

 private:
  static constexpr size_t kCanary = 64;
  static constexpr int kCanaryByte = 0xC5;

  static bool all_canary(const uint8_t* p, size_t n) {
    for (size_t i = 0; i < n; ++i) {
      if (p[i] != kCanaryByte) return false;
    }
    return true;
  }

  uint8_t* start_;
  uint8_t* at_ = nullptr;
  uint8_t* end_ = nullptr;
  size_t room_, mapped_, gap_ = 0;
};

// The buffers of one kernel call. Regions are kept between calls, by position.
class Arena {
 public:
  void begin(size_t gap) {
    gap_ = gap;
    used_ = 0;
    inputs_.clear();
  }
  // Stored elements, which have no alignment. `bytes` must outlive the call.
  const uint8_t* input(const std::vector<uint8_t>& bytes) { return copy(bytes, gap_); }
  uint8_t* output(size_t bytes) { return take(bytes, gap_); }
  // Arrays of T, aligned as the engine's are.
  template <class T>
  const T* input_of(const std::vector<uint8_t>& bytes) {
    return reinterpret_cast<const T*>(copy(bytes, 0));
  }
  template <class T>
  T* output_of(size_t count) {
    return reinterpret_cast<T*>(take(count * sizeof(T), 0));
  }
  // No canary was touched and no input changed.
  bool intact() const {
    for (size_t i = 0; i < used_; ++i) {
      if (!regions_[i]->intact()) return false;
    }
    for (const Input& input : inputs_) {
      const size_t size = input.bytes->size();
      if (size != 0 && std::memcmp(input.at, input.bytes->data(), size) != 0) return false;
    }
    return true;
  }

 private:
  struct Input {
    const uint8_t* at;
    const std::vector<uint8_t>* bytes;
  };

  const uint8_t* copy(const std::vector<uint8_t>& bytes, size_t gap) {
    uint8_t* at = take(bytes.size(), gap);
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    inputs_.push_back({at, &bytes});
    return at;
  }
  uint8_t* take(size_t bytes, size_t gap) {
    if (used_ == regions_.size()) regions_.push_back(std::make_unique<Guarded>(kCapacity));
    if (regions_[used_]->room() < bytes) std::abort();
    uint8_t* at = regions_[used_++]->place(bytes, gap);
    std::memset(at, 0xA9, bytes);
    return at;
  }

  static constexpr size_t kCapacity = size_t{1} << 17;

  std::vector<std::unique_ptr<Guarded>> regions_;
  std::vector<Input> inputs_;
  size_t used_ = 0;
  size_t gap_ = 0;
};

}  // namespace weightloom_test
