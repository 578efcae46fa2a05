#include "dispatch.h"

#include "../platform/cpu.h"

namespace weightloom {

const std::vector<const KernelTable*>& runnable_targets() {
  static const auto* const targets = [] {
    auto* list = new std::vector<const KernelTable*>;
#if defined(__x86_64__) || defined(_M_X64)
    if (cpu_has_avx512()) list->push_back(&avx512_table);
    if (cpu_has_avx2()) list->push_back(&avx2_table);
#elif defined(__aarch64__) || defined(_M_ARM64)
    list->push_back(&neon_table);
#endif
    list->push_back(&scalar_table);
    return list;
  }();
  return *targets;
}

const KernelTable* find_target(const std::string& name) {
  for (const KernelTable* table : runnable_targets()) {
    if (name.empty() || name == table->name) return table;
  }
  return nullptr;
}

}  // namespace weightloom
