#include "pool.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "../platform/keep_loaded.h"

namespace weightloom {
namespace {

struct Pool {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> tasks;
  size_t threads = 0;
  size_t busy = 0;
};

Pool& pool() {
  static Pool* const only = (keep_loaded(), new Pool);
  return *only;
}

void serve() {
  Pool& p = pool();
  std::unique_lock lock(p.mutex);
  for (;;) {
    p.wake.wait(lock, [&] { return !p.tasks.empty(); });
    ++p.busy;
    std::function<void()> task = std::move(p.tasks.front());
    p.tasks.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
    --p.busy;
  }
}

}  // namespace

size_t pool_run(size_t wanted, const std::function<void()>& task) {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  while (p.threads < p.busy + p.tasks.size() + wanted) {
    try {
      std::thread(serve).detach();
    } catch (const std::system_error&) {
      break;
    }
    ++p.threads;
  }
  if (p.threads == 0) return 0;
  for (size_t i = 0; i < wanted; ++i) p.tasks.push_back(task);
  p.wake.notify_all();
  return wanted;
}

}  // namespace weightloom
