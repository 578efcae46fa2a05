#if defined(_WIN32)
#include <windows.h>

#include <mutex>
#include <thread>

#include "map_guard.h"

namespace weightloom {
namespace {

// The handler runs on the thread that faulted, in the middle of whatever it did, so it takes no
// lock of ours but this one, which is held for the length of a replacement.
class SpinLock {
 public:
  void lock() {
    while (held_.exchange(true)) std::this_thread::yield();
  }
  void unlock() { held_.store(false); }

 private:
  std::atomic<bool> held_{false};
};

struct Slot {
  MapGuard* guard = nullptr;
  Slot* next = nullptr;
};

SpinLock lock;
Slot* slots = nullptr;
uintptr_t page_size = 4096;

bool recover(const void* address) {
  const std::lock_guard hold(lock);
  for (const Slot* slot = slots; slot != nullptr; slot = slot->next) {
    if (slot->guard != nullptr && slot->guard->covers(address)) {
      return slot->guard->replace(address);
    }
  }
  return false;
}

// A page that cannot be read in; or, while the view is being replaced, a page that is not there.
LONG CALLBACK on_exception(EXCEPTION_POINTERS* exception) {
  const EXCEPTION_RECORD& record = *exception->ExceptionRecord;
  const bool fault = record.ExceptionCode == EXCEPTION_IN_PAGE_ERROR ||
                     record.ExceptionCode == EXCEPTION_ACCESS_VIOLATION;
  if (!fault || record.NumberParameters < 2) return EXCEPTION_CONTINUE_SEARCH;
  constexpr ULONG_PTR kRead = 0;
  if (record.ExceptionInformation[0] != kRead) return EXCEPTION_CONTINUE_SEARCH;
  const auto* address = reinterpret_cast<const void*>(record.ExceptionInformation[1]);
  return recover(address) ? EXCEPTION_CONTINUE_EXECUTION : EXCEPTION_CONTINUE_SEARCH;
}

void install() {
  SYSTEM_INFO info;
  ::GetSystemInfo(&info);
  page_size = info.dwPageSize;
  ::AddVectoredExceptionHandler(1, on_exception);
}

Slot& free_slot() {
  for (Slot* slot = slots; slot != nullptr; slot = slot->next) {
    if (slot->guard == nullptr) return *slot;
  }
  slots = new Slot{nullptr, slots};
  return *slots;
}

}  // namespace

MapGuard::MapGuard(const void* address, size_t bytes)
    : begin_(reinterpret_cast<uintptr_t>(address)), bytes_(bytes) {
  static std::once_flag once;
  std::call_once(once, install);
  const std::lock_guard hold(lock);
  free_slot().guard = this;
}

MapGuard::~MapGuard() {
  const std::lock_guard hold(lock);
  for (Slot* slot = slots; slot != nullptr; slot = slot->next) {
    if (slot->guard == this) slot->guard = nullptr;
  }
}

// The view reaches to the end of its last page.
bool MapGuard::covers(const void* address) const {
  const auto at = reinterpret_cast<uintptr_t>(address);
  const uintptr_t size = (bytes_ + page_size - 1) & ~(page_size - 1);
  return at >= begin_ && at - begin_ < size;
}

// A view can only be replaced whole. Threads that read it meanwhile fault, and wait for the lock.
bool MapGuard::replace(const void*) {
  if (hit_.exchange(true)) return true;
  auto* const address = reinterpret_cast<void*>(begin_);
  if (!::UnmapViewOfFile(address)) return false;
  return ::VirtualAlloc(address, bytes_, MEM_RESERVE | MEM_COMMIT, PAGE_READONLY) == address;
}

}  // namespace weightloom
#endif
