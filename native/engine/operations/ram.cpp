#include "ram.h"

namespace weightloom {

std::unique_ptr<RunningStep> make_ram(StepIo& io) { return std::make_unique<Ram>(io); }

}  // namespace weightloom
