// census: thresholds of magnitude over whole models, before the tensors are merged. A trim is a
// flat vector of a model's deltas, tensor after tensor, of which the k largest stay. Phases:
//   sample   brackets of the thresholds
//   sweep    until no threshold is missing; with a good bracket once
// The step has no output: its result is the job's list of thresholds, which the tasks after it use.
#include <algorithm>

#include "operation.h"
#include "sweep.h"

namespace weightloom {
namespace {

// A tensor's place in its trim and among the units of work of the step.
struct Member {
  size_t trim;
  Delta delta;
  uint64_t count;
  uint64_t first;        // element of the trim
  uint64_t first_block;  // block of the trim
  uint64_t first_unit;
};

struct Trim {
  uint64_t keep, count, blocks;
  std::unique_ptr<Selection> selection;
};

class Census : public RunningStep {
 public:
  explicit Census(StepIo& io) : RunningStep(io) {
    const auto& p = io.step().parameters;
    const auto trims = static_cast<size_t>(p[0]);
    for (size_t i = 0; i < trims; ++i) {
      trims_.push_back({static_cast<uint64_t>(p[1 + i]), 0, 0, nullptr});
    }
    const auto blocks_of = [](uint64_t count) { return (count + kBlock - 1) / kBlock; };
    for (size_t at = 1 + trims; at < p.size(); at += 2) {
      Trim& trim = trims_[static_cast<size_t>(p[at])];
      const auto count = static_cast<uint64_t>(p[at + 1]);
      const size_t x = 2 * members_.size();
      members_.push_back(
          {static_cast<size_t>(p[at]), {x, x + 1}, count, trim.count, trim.blocks, units_});
      trim.count += count;
      trim.blocks += blocks_of(count);
      units_ += blocks_of(count);
    }
    for (Trim& trim : trims_) {
      if (trim.keep >= trim.count) continue;
      trim.selection = std::make_unique<Selection>(trim.keep, trim.count, trim.blocks);
    }
  }

  uint64_t blocks() const override { return sampling_ ? 1 : units_; }

  void run_block(uint64_t block, Scratch& scratch) override {
    if (sampling_) return sample(scratch);
    const auto after = std::upper_bound(
        members_.begin(), members_.end(), block,
        [](uint64_t unit, const Member& member) { return unit < member.first_unit; });
    const Member& member = *(after - 1);
    Selection* selection = trims_[member.trim].selection.get();
    if (selection == nullptr || selection->done()) return;
    const uint64_t local = block - member.first_unit;
    sweep_block(io_, member.delta, range(member, local), member.first_block + local, *selection,
                scratch);
  }

  bool advance(Scratch& scratch) override {
    if (!sampling_) end_sweep(scratch);
    sampling_ = false;
    const bool more = std::any_of(trims_.begin(), trims_.end(), [](const Trim& trim) {
      return trim.selection != nullptr && !trim.selection->done();
    });
    if (!more) publish();
    return more;
  }

 private:
  static Range range(const Member& member, uint64_t block) {
    const uint64_t first = block * kBlock;
    return {block, first, static_cast<size_t>(std::min(kBlock, member.count - first))};
  }

  // Runs spread evenly over each trim; a run that meets the end of a tensor is moved into it.
  void sample(Scratch& scratch) {
    for (size_t t = 0; t < trims_.size(); ++t) {
      Trim& trim = trims_[t];
      const uint64_t runs = sample_runs(trim.count);
      if (trim.selection == nullptr || runs == 0) continue;
      std::vector<uint32_t> keys;
      uint64_t run = 0;
      for (const Member& member : members_) {
        if (member.trim != t || member.count == 0) continue;
        for (; run < runs && at(trim, run, runs) < member.first + member.count; ++run) {
          const uint64_t n = std::min(kSampleRun, member.count);
          const uint64_t first = std::min(at(trim, run, runs) - member.first, member.count - n);
          sample_run(io_, member.delta, {0, first, static_cast<size_t>(n)}, keys, scratch);
        }
      }
      trim.selection->bracket(keys);
    }
  }

  static uint64_t at(const Trim& trim, uint64_t run, uint64_t runs) {
    return (trim.count - kSampleRun) / runs * run;
  }

  void end_sweep(Scratch& scratch) {
    for (size_t t = 0; t < trims_.size(); ++t) {
      Selection* selection = trims_[t].selection.get();
      if (selection == nullptr || selection->done()) continue;
      const uint64_t block = selection->advance();
      if (block == Selection::kNone) continue;
      const auto holds = [&](const Member& member) {
        const uint64_t blocks = (member.count + kBlock - 1) / kBlock;
        return member.trim == t && block >= member.first_block &&
               block - member.first_block < blocks;
      };
      const auto member = std::find_if(members_.begin(), members_.end(), holds);
      const Range local = range(*member, block - member->first_block);
      search_block(io_, member->delta, local, member->first + local.first, *selection, scratch);
    }
  }

  void publish() {
    io_.thresholds().clear();
    for (const Trim& trim : trims_) {
      const Selection* of = trim.selection.get();
      io_.thresholds().push_back(of == nullptr ? Threshold{0, trim.count} : of->result());
    }
  }

  std::vector<Trim> trims_;
  std::vector<Member> members_;
  uint64_t units_ = 0;
  bool sampling_ = true;
};

}  // namespace

std::unique_ptr<RunningStep> make_census(StepIo& io) { return std::make_unique<Census>(io); }

}  // namespace weightloom
