#include <algorithm>
#include <cstring>

#include "../../native/engine/gram.h"
#include "../../native/engine/lane_sums.h"
#include "passes.h"

namespace weightloom_bench {
namespace {

constexpr uint64_t kFixed = uint64_t{64} << 10;  // of a lane, beside what elements need
constexpr uint32_t kVectors = 2;                 // of slerp
constexpr uint32_t kPairs = 3;

struct Weights {
  std::vector<float> values;
  bool mean;
};

cuda::LinearLaunch linear_launch(const View& view, const Weights& weights) {
  cuda::LinearLaunch launch{};
  launch.args = {.input_count = static_cast<uint32_t>(weights.values.size()),
                 .mean = weights.mean,
                 .divisor = 1.0f,
                 .limit = limit(),
                 .out = view.out,
                 .n = view.n,
                 .nonfinite = view.seen};
  std::copy_n(view.inputs, weights.values.size(), launch.inputs);
  std::copy(weights.values.begin(), weights.values.end(), launch.weights);
  return launch;
}

Step linear_step(Arrays& arrays, const Weights& weights) {
  Step step;
  step.enqueue = [&arrays, weights](const Range& range, Room& room) {
    walk(arrays, arrays.device().kernels().linear[kBf16], room, range.n,
         linear_launch(arrays.on_device(range, room), weights));
  };
  step.check = [&arrays, weights](const Range&, const View& device, const View& host) {
    const cuda::LinearLaunch launch = linear_launch(host, weights);
    LinearArgs args = launch.args;
    args.inputs = launch.inputs;
    args.weights = launch.weights;
    scalar_table.linear[kBf16](args);
    return same_output(arrays, device, host);
  };
  return step;
}

bool check_gram(Arrays& arrays, const View& device, const View& host) {
  const uint64_t blocks = blocks_of(host.n).count;
  for (uint64_t block = 0; block < blocks; ++block) {
    const uint64_t first = block * kBlock;
    const void* vectors[kVectors];
    for (uint32_t v = 0; v < kVectors; ++v) {
      vectors[v] = static_cast<const uint16_t*>(host.inputs[v]) + first;
    }
    LaneSums sums[kPairs];
    const size_t n = std::min(kBlock, host.n - first);
    scalar_table.gram[kBf16]({vectors, kVectors, nullptr, n, sums[0].lanes});
    for (uint32_t k = 0; k < kPairs; ++k) host.sums[0][k * blocks + block] = fold(sums[k]);
  }
  return same(arrays, device.sums[0], host.sums[0], kPairs * blocks);
}

Step gram_step(Arrays& arrays) {
  Step step;
  step.enqueue = [&arrays](const Range& range, Room& room) {
    const View view = arrays.on_device(range, room);
    cuda::GramLaunch launch{};
    launch.segments = blocks_of(range.n);
    launch.count = kVectors;
    std::copy_n(view.inputs, kVectors, launch.vectors);
    launch.sums = view.sums[0];
    arrays.device().launch(arrays.device().kernels().gram[kBf16], launch.segments.count,
                           room.lane.stream(), launch);
  };
  step.check = [&arrays](const Range&, const View& device, const View& host) {
    return check_gram(arrays, device, host);
  };
  return step;
}

// Of halfway between the first two inputs.
Weights slerp_weights(Arrays& arrays, const Step& step, uint64_t chunk) {
  std::vector<double> products[kPairs];
  for_chunks(arrays, chunk, [&](const Range& range, Room& room) {
    step.enqueue(range, room);
    arrays.finish();
    const uint64_t blocks = blocks_of(range.n).count;
    const std::vector<double> sums = arrays.fetch(room.view.sums[0], kPairs * blocks);
    for (uint32_t k = 0; k < kPairs; ++k) {
      const auto first = sums.begin() + static_cast<std::ptrdiff_t>(k * blocks);
      products[k].insert(products[k].end(), first, first + static_cast<std::ptrdiff_t>(blocks));
    }
  });
  Gram gram(kVectors);
  gram.set(0, 0, add_blocks(products[0]));
  gram.set(0, 1, add_blocks(products[1]));
  gram.set(1, 1, add_blocks(products[2]));
  const Coefficients found = slerp_coefficients(gram, 0.5);
  Weights weights{{}, found.mean};
  for (const double each : found.weights) weights.values.push_back(static_cast<float>(each));
  return weights;
}

}  // namespace

uint64_t chunk_elements(uint64_t elements, uint64_t inputs, uint64_t bytes_each) {
  const uint64_t blocks = (kLaneBytes - kFixed) / (2 * (inputs + 1) + bytes_each) / kBlock;
  const uint64_t share = std::max<uint64_t>((elements + kBlock - 1) / kBlock / 16, 8);
  return std::min(blocks, share) * kBlock;
}

uint64_t most_elements(uint64_t elements) { return chunk_elements(elements, kInputs, 0); }

void for_chunks(Arrays& arrays, uint64_t chunk,
                const std::function<void(const Range&, Room&)>& body) {
  size_t stream = 0;
  for (uint64_t first = 0; first < arrays.elements(); first += chunk) {
    const auto n = static_cast<size_t>(std::min(chunk, arrays.elements() - first));
    body({first / kBlock, first, n}, arrays.room(stream));
    stream = (stream + 1) % arrays.streams();
  }
}

cuda::Segments blocks_of(uint64_t n) {
  const auto count = static_cast<uint32_t>((n + kBlock - 1) / kBlock);
  return {n, n, count, count};
}

float limit() {
  constexpr uint32_t bits = 0x7F7F8000u;
  float limit;
  std::memcpy(&limit, &bits, sizeof(limit));
  return limit;
}

bool same_output(Arrays& arrays, const View& device, const View& host) {
  const auto* made = static_cast<const uint16_t*>(device.out);
  if (!same(arrays, made, static_cast<const uint16_t*>(host.out), host.n)) return false;
  const Nonfinite seen = arrays.fetch(device.seen, 1)[0];
  return std::memcmp(&seen, host.seen, sizeof(seen)) == 0;
}

Pass linear_pass(Arrays& arrays) {
  const uint64_t chunk = chunk_elements(arrays.elements(), kInputs, 0);
  const uint64_t bits = 16 * (kInputs + 1);
  return {"linear", "", 0.9, chunk, bits, bits, {linear_step(arrays, {{0.5f, 0.3f, 0.2f}, true})}};
}

std::vector<Pass> slerp_passes(Arrays& arrays) {
  const uint64_t chunk = chunk_elements(arrays.elements(), kVectors, 1);
  const Step gram = gram_step(arrays);
  const Step map = linear_step(arrays, slerp_weights(arrays, gram, chunk));
  return {{"slerp", "gram", 0, chunk, 16 * kVectors, 16 * kVectors, {gram}},
          {"slerp", "map", 0.9, chunk, 16 * (kVectors + 1), 16 * (kVectors + 1), {map}}};
}

}  // namespace weightloom_bench
