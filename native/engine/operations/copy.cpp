// copy: the bytes of one input. same: the same, once all inputs have been found identical.
#include <cstring>

#include "operation.h"

namespace weightloom {
namespace {

class Copy : public RunningStep {
 public:
  using RunningStep::RunningStep;

  void run_block(uint64_t block, Scratch& scratch) override {
    const Range range = io_.range(block);
    const uint8_t* from = io_.input(0, range, scratch);
    uint8_t* to = io_.begin_output(range, scratch);
    const auto bytes = static_cast<size_t>(io_.bytes_of(range.n));
    for (size_t i = 1; i < io_.step().inputs.size(); ++i) {
      if (std::memcmp(from, io_.input(i, range, scratch), bytes) != 0) {
        throw JobError{"TENSOR_DIFFERS", "input " + std::to_string(i)};
      }
    }
    std::memcpy(to, from, bytes);
    io_.end_output(range, to);
  }
};

}  // namespace

std::unique_ptr<RunningStep> make_copy(StepIo& io) { return std::make_unique<Copy>(io); }
std::unique_ptr<RunningStep> make_same(StepIo& io) { return std::make_unique<Copy>(io); }

}  // namespace weightloom
