#include "operation.h"

namespace weightloom {

std::unique_ptr<RunningStep> make_operation(StepIo& io) {
  switch (io.step().operation) {
    case Operation::copy:
      return make_copy(io);
    case Operation::same:
      return make_same(io);
    case Operation::linear:
      return make_linear(io);
    case Operation::span:
      return make_span(io);
    case Operation::task:
      return make_task(io);
    case Operation::nearswap:
      return make_nearswap(io);
    case Operation::ram:
      return make_ram(io);
    case Operation::sce:
      return make_sce(io);
    case Operation::arcee_fusion:
      return make_arcee_fusion(io);
    case Operation::census:
      return make_census(io);
    case Operation::compare:
      return make_compare(io);
  }
  throw JobError{"ARGUMENT", "malformed job: operation of a step"};
}

}  // namespace weightloom
