#include "steps.h"

namespace weightloom::cuda {
namespace {

class NearswapOn : public RunningStep {
 public:
  NearswapOn(StepIo& io, DeviceShare& share)
      : RunningStep(io), chunks_(io, share.lanes, share.memory, {}) {}

  bool fits() const { return chunks_.fit(); }
  uint64_t blocks() const override { return chunks_.count(); }

  void run_block(uint64_t index, Scratch&) override {
    const auto t = static_cast<float>(io_.step().parameters[0]);
    chunks_.run(index, [&](Chunk& chunk) {
      chunk.load_all();
      chunk.begin_output();
      const uint64_t n = chunk.range().n;
      chunk.walk(chunk.device().kernels().nearswap[chunk.codec()], n,
                 NearswapArgs{chunk.own(0), chunk.own(1), t, chunk.limit(), chunk.output(), n,
                              chunk.nonfinite()});
      chunk.end_output();
    });
  }

 private:
  Chunks chunks_;
};

}  // namespace

std::unique_ptr<RunningStep> make_nearswap_on(StepIo& io, DeviceShare& share) {
  return make_fitting<NearswapOn>(io, share);
}

}  // namespace weightloom::cuda
