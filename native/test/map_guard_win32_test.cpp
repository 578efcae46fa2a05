// A view whose pages cannot be brought in: reads yield zeros and are remembered, on several threads
// at once and beside untouched views; faults elsewhere go where they went before. What is missing
// is made so by taking the right to read it, since a mapped file cannot be cut short.
#include <windows.h>

#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

#include "../platform/map_guard.h"
#include "check.h"

using namespace weightloom;
using namespace weightloom_test;

namespace {

constexpr size_t kPage = 4096;
constexpr size_t kSize = 64 * kPage + 100;

// A view of the pagefile, full of ones.
class View {
 public:
  View() {
    const HANDLE section = CreateFileMappingW(INVALID_HANDLE_VALUE, nullptr, PAGE_READWRITE, 0,
                                              static_cast<DWORD>(kSize), nullptr);
    if (section == nullptr) std::abort();
    bytes_ = static_cast<uint8_t*>(MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0));
    CloseHandle(section);
    if (bytes_ == nullptr) std::abort();
    for (size_t i = 0; i < kSize; ++i) bytes_[i] = 1;
  }
  ~View() {
    if (!UnmapViewOfFile(bytes_)) VirtualFree(bytes_, 0, MEM_RELEASE);
  }
  const uint8_t* bytes() const { return bytes_; }
  void lose(size_t from) {
    DWORD before;
    if (!VirtualProtect(bytes_ + from, kSize - from, PAGE_NOACCESS, &before)) std::abort();
  }

 private:
  uint8_t* bytes_;
};

uint64_t sum_of(const uint8_t* bytes, size_t from, size_t to) {
  uint64_t sum = 0;
  for (size_t i = from; i < to; ++i) sum += static_cast<const volatile uint8_t*>(bytes)[i];
  return sum;
}

void check_lost() {
  View view, other;
  const MapGuard guard(view.bytes(), kSize), untouched(other.bytes(), kSize);
  view.lose(10 * kPage);
  CHECK(sum_of(view.bytes(), 0, 10 * kPage) == 10 * kPage);
  CHECK(!guard.hit());
  CHECK(sum_of(view.bytes(), 10 * kPage, kSize) == 0);
  CHECK(guard.hit());
  CHECK(!untouched.hit());
  CHECK(sum_of(other.bytes(), 0, kSize) == kSize);
}

void check_threads() {
  for (int round = 0; round < 20; ++round) {
    View view;
    const MapGuard guard(view.bytes(), kSize);
    view.lose(kPage);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] { CHECK(sum_of(view.bytes(), (i + 1) * kPage, kSize) == 0); });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(guard.hit());
  }
}

int passed_on = 0;
uint8_t* bare = nullptr;

// Stands for a debugger or another library: gives the page back, so that the read goes on.
LONG CALLBACK late_handler(EXCEPTION_POINTERS*) {
  DWORD before;
  ++passed_on;
  return VirtualProtect(bare, kPage, PAGE_READWRITE, &before) ? EXCEPTION_CONTINUE_EXECUTION
                                                              : EXCEPTION_CONTINUE_SEARCH;
}

void check_elsewhere() {
  View view;
  const MapGuard guard(view.bytes(), kSize);
  void* const late = AddVectoredExceptionHandler(0, late_handler);
  bare =
      static_cast<uint8_t*>(VirtualAlloc(nullptr, kPage, MEM_RESERVE | MEM_COMMIT, PAGE_NOACCESS));
  CHECK(sum_of(bare, 0, kPage) == 0);
  CHECK(passed_on == 1);
  CHECK(!guard.hit());
  RemoveVectoredExceptionHandler(late);
  VirtualFree(bare, 0, MEM_RELEASE);
}

}  // namespace

int main() {
  check_lost();
  check_threads();
  check_elsewhere();
  return check_result();
}
