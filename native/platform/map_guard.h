// Reading a mapped file beyond its end, because it was cut short after it was mapped, raises
// SIGBUS. While a guard stands over a mapping, such a read yields zeros instead and the guard
// remembers it. The results are worthless from then on, but the process lives and whoever computes
// them can ask.
//
// The signal handler puts anonymous pages over the rest of the mapping, from the page that faulted,
// and lets the read go on. No stack is unwound, so nothing with a destructor is skipped and code
// between two questions may be of any kind, on any thread. A fault outside of all guarded mappings
// goes to the handler that was there before.
//
// On Windows a file cannot be cut short while it is mapped, but a network drive or a disk can fail
// to bring in a page. There the whole view is replaced, since a part of one cannot be.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weightloom {

class MapGuard {
 public:
  // The first guard of the process installs the handler, for good. `address` begins a page.
  MapGuard(const void* address, size_t bytes);
  // To be destroyed before the mapping, when no thread reads it any more.
  ~MapGuard();
  MapGuard(const MapGuard&) = delete;
  MapGuard& operator=(const MapGuard&) = delete;

  // Whether some read has met a page that is not there.
  bool hit() const { return hit_.load(); }

  // For the handler: whether the address is inside; then reads from there on yield zeros.
  bool covers(const void* address) const;
  bool replace(const void* address);

 private:
  uintptr_t begin_;
  size_t bytes_;
  std::atomic<bool> hit_{false};
};

}  // namespace weightloom
