#include "task.h"

namespace weightloom {

std::unique_ptr<RunningStep> make_task(StepIo& io) { return std::make_unique<Task>(io); }

}  // namespace weightloom
