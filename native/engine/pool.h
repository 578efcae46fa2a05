// Threads of the process, shared by every job and every environment, made on first need and never
// joined: they may outlive everything when the process exits, so nothing here is ever freed.
#pragma once

#include <cstddef>
#include <functional>

namespace weightloom {

// Runs `task` once on each of up to `wanted` pool threads. Returns how many were promised, which is
// fewer when the system refuses threads; the caller must be content with any number from 0.
size_t pool_run(size_t wanted, const std::function<void()>& task);

}  // namespace weightloom
