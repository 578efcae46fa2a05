#if !defined(_WIN32)
#include "map_guard.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mutex>
#include <thread>

namespace weightloom {
namespace {

// The handler may take no lock, so it walks a list that only grows. It counts itself as a visitor
// while it looks at guards, and a guard does not go while there are any.
struct Slot {
  std::atomic<MapGuard*> guard{nullptr};
  Slot* next = nullptr;
};

std::atomic<Slot*> slots{nullptr};
std::atomic<int> visitors{0};
std::mutex registration;
struct sigaction previous;
uintptr_t page_size;

static_assert(std::atomic<MapGuard*>::is_always_lock_free);

bool recover(const void* address) {
  bool recovered = false;
  visitors.fetch_add(1);
  for (const Slot* slot = slots.load(); slot != nullptr && !recovered; slot = slot->next) {
    MapGuard* const guard = slot->guard.load();
    recovered = guard != nullptr && guard->covers(address) && guard->replace(address);
  }
  visitors.fetch_sub(1);
  return recovered;
}

// As the system would have done without us. A fault comes again when its instruction is retried; a
// signal that was sent does not.
void pass_on(int signal, siginfo_t* info, void* context) {
  if ((previous.sa_flags & SA_SIGINFO) != 0) return previous.sa_sigaction(signal, info, context);
  if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    return previous.sa_handler(signal);
  }
  const bool sent = info->si_code <= 0;
  if (sent && previous.sa_handler == SIG_IGN) return;
  ::signal(signal, SIG_DFL);
  if (sent) ::raise(signal);
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int error_number = errno;
  const bool fault = info->si_code > 0;
  if (!fault || !recover(info->si_addr)) pass_on(signal, info, context);
  errno = error_number;
}

void install() {
  page_size = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  // Known before ours is in place: another thread may fault in between.
  ::sigaction(SIGBUS, nullptr, &previous);
  struct sigaction action = {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, nullptr);
}

Slot& free_slot() {
  for (Slot* slot = slots.load(); slot != nullptr; slot = slot->next) {
    if (slot->guard.load() == nullptr) return *slot;
  }
  auto* const slot = new Slot;
  slot->next = slots.load();
  slots.store(slot);
  return *slot;
}

}  // namespace

MapGuard::MapGuard(const void* address, size_t bytes)
    : begin_(reinterpret_cast<uintptr_t>(address)), bytes_(bytes) {
  static std::once_flag once;
  std::call_once(once, install);
  const std::lock_guard lock(registration);
  free_slot().guard.store(this);
}

MapGuard::~MapGuard() {
  {
    const std::lock_guard lock(registration);
    for (Slot* slot = slots.load(); slot != nullptr; slot = slot->next) {
      if (slot->guard.load() == this) slot->guard.store(nullptr);
    }
  }
  while (visitors.load() != 0) std::this_thread::yield();
}

// The mapping reaches to the end of its last page.
bool MapGuard::covers(const void* address) const {
  const auto at = reinterpret_cast<uintptr_t>(address);
  const uintptr_t size = (bytes_ + page_size - 1) & ~(page_size - 1);
  return at >= begin_ && at - begin_ < size;
}

bool MapGuard::replace(const void* address) {
  hit_.store(true);
  const uintptr_t page = reinterpret_cast<uintptr_t>(address) & ~(page_size - 1);
  const size_t rest = begin_ + bytes_ - page;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  return ::mmap(reinterpret_cast<void*>(page), rest, PROT_READ, flags, -1, 0) != MAP_FAILED;
}

}  // namespace weightloom
#endif
