#include "nested.h"

#include <algorithm>
#include <cstring>

namespace weightloom {

Nested::Nested(const WireStep& step, JobState& state, const NestedSteps& others)
    : io_(step, state, others, true),
      running_(make_operation(io_)),
      number_(state.nested_made.fetch_add(1) + 1) {}

const uint8_t* Nested::produce(const Range& range, Scratch& scratch) {
  const uint64_t first = range.first / kBlock, end = range.first + range.n;
  const auto offset = [&](uint64_t element) {
    return io_.bytes_of(element - element / kBlock * kBlock);
  };
  if (end <= (first + 1) * kBlock) return make(first, scratch) + offset(range.first);
  auto* room = scratch.take<uint8_t>(kJoinSlot, static_cast<size_t>(io_.bytes_of(range.n)));
  uint8_t* to = room;
  for (uint64_t at = range.first; at < end;) {
    const uint64_t stop = std::min(end, (at / kBlock + 1) * kBlock);
    const auto bytes = static_cast<size_t>(io_.bytes_of(stop - at));
    std::memcpy(to, make(at / kBlock, scratch) + offset(at), bytes);
    to += bytes;
    at = stop;
  }
  return room;
}

const uint8_t* Nested::make(uint64_t block, Scratch& scratch) {
  Scratch::Held& held = scratch.held();
  if (held.owner != number_ || held.block != block) {
    held.owner = 0;
    running_->run_block(block, scratch);
    held = {number_, block};
  }
  return io_.begin_output(io_.range(block), scratch);
}

NestedSteps nested_of(const WireStep& step, const WireJob& job, JobState& state) {
  NestedSteps steps;
  const auto add = [&](const WireStep& of, auto& self) -> void {
    for (const WireInput& input : of.inputs) {
      if (input.nested == kNotNested || steps.contains(input.nested)) continue;
      self(job.nested[input.nested], self);
      steps[input.nested] = std::make_unique<Nested>(job.nested[input.nested], state, steps);
    }
  };
  add(step, add);
  return steps;
}

}  // namespace weightloom
