// Keeps this library in memory to the end of the process: its threads wait in its code, and node
// unloads an addon when the last worker that loaded it ends.
#pragma once

namespace weightloom {

void keep_loaded();

}  // namespace weightloom
