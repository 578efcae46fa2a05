// nearswap: one pass; see kernels/nearswap.h.
#include "operation.h"

namespace weightloom {
namespace {

class Nearswap : public RunningStep {
 public:
  using RunningStep::RunningStep;

  void run_block(uint64_t block, Scratch& scratch) override {
    const Range range = io_.range(block);
    const auto t = static_cast<float>(io_.step().parameters[0]);
    uint8_t* out = io_.begin_output(range, scratch);
    Nonfinite seen{};
    io_.for_tiles(range, range.n, {0, 1}, out, scratch, [&](const Tile& tile) {
      io_.kernels().nearswap[tile.codec](
          {tile.inputs[0], tile.inputs[1], t, io_.limit(), tile.out, tile.n, &seen});
    });
    io_.add_nonfinite(seen);
    io_.end_output(range, out, scratch);
  }
};

}  // namespace

std::unique_ptr<RunningStep> make_nearswap(StepIo& io) { return std::make_unique<Nearswap>(io); }

}  // namespace weightloom
