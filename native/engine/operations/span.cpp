#include "span.h"

namespace weightloom {

std::unique_ptr<RunningStep> make_span(StepIo& io) { return std::make_unique<Span>(io); }

}  // namespace weightloom
