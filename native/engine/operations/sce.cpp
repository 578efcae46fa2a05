#include "sce.h"

namespace weightloom {

std::unique_ptr<RunningStep> make_sce(StepIo& io) { return std::make_unique<Sce>(io); }

}  // namespace weightloom
