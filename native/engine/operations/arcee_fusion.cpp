#include "arcee_fusion.h"

namespace weightloom {

std::unique_ptr<RunningStep> make_arcee_fusion(StepIo& io) {
  return std::make_unique<ArceeFusion>(io);
}

}  // namespace weightloom
