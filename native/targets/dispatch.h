// The one place that chooses among targets.
#pragma once

#include <string>
#include <vector>

#include "table.h"

namespace weightloom {

// Every target this machine can run, best first; the scalar one is always the last.
const std::vector<const KernelTable*>& runnable_targets();

// The target of that name, or the best one for an empty name; null when this machine cannot run it.
const KernelTable* find_target(const std::string& name);

}  // namespace weightloom
