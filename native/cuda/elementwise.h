// Kernels that make an output element from the input elements at its place: those of kernels/, over
// eight lanes a thread. What is added here is the way in (arrays from the arguments of the launch)
// and the way out (results that are not finite, counted by each thread and then by all).
// Memory: as the kernels themselves, one pass, 16 bytes at a time.
#pragma once

#include "../kernels/choose.h"
#include "../kernels/convert.h"
#include "../kernels/linear.h"
#include "../kernels/nearswap.h"
#include "../kernels/ram.h"
#include "../kernels/sce.h"
#include "../kernels/ties.h"
#include "launch.h"
#include "octet.h"

namespace weightloom::cuda {
namespace {

ANYWHERE inline void add_seen(const Nonfinite& seen, Nonfinite* all) {
  if (seen.nan_from_input != 0) add_to(&all->nan_from_input, seen.nan_from_input);
  if (seen.nan_born != 0) add_to(&all->nan_born, seen.nan_born);
  if (seen.overflow_from_input != 0) add_to(&all->overflow_from_input, seen.overflow_from_input);
  if (seen.overflow_born != 0) add_to(&all->overflow_born, seen.overflow_born);
}

// Runs `kernel` with a count of its own in place of the one that all threads share.
template <class Args, class Kernel>
ANYWHERE inline void counted(Args args, Kernel kernel) {
  Nonfinite* const all = args.nonfinite;
  Nonfinite seen{};
  args.nonfinite = &seen;
  kernel(args);
  add_seen(seen, all);
}

template <class C>
ANYWHERE inline void run_linear(const LinearLaunch& launch) {
  LinearArgs args = launch.args;
  args.inputs = launch.inputs;
  args.weights = launch.weights;
  counted(args, [](const LinearArgs& a) { linear<Octet, C>(a); });
}

ANYWHERE inline TaskArgs task_args(const TaskLaunch& launch) {
  TaskArgs args = launch.args;
  args.inputs = launch.inputs;
  args.weights = launch.weights;
  args.rescales = launch.rescales;
  args.shares = launch.shares;
  args.masks = launch.masks;
  if (args.floors != nullptr) args.floors = launch.floors;
  if (args.element_factors != nullptr) args.element_factors = launch.factors;
  return args;
}

template <class C>
ANYWHERE inline void run_task_arithmetic(const TaskLaunch& launch) {
  counted(task_args(launch), [](const TaskArgs& a) { task_of<Octet, C, Extras::any>(a); });
}

template <class C>
ANYWHERE inline void run_ties(const TaskLaunch& launch) {
  counted(task_args(launch), [](const TaskArgs& a) {
    switch (a.input_count) {
      case 2:
        return ties_of<Octet, C, 2, Extras::any>(a);
      case 3:
        return ties_of<Octet, C, 3, Extras::any>(a);
      case 4:
        return ties_of<Octet, C, 4, Extras::any>(a);
      default:
        return ties_of<Octet, C, 0, Extras::any>(a);
    }
  });
}

template <class C>
ANYWHERE inline void run_nearswap(const NearswapArgs& launch) {
  counted(launch, [](const NearswapArgs& a) { nearswap<Octet, C>(a); });
}

template <class C>
ANYWHERE inline void run_choose(const ChooseArgs& launch) {
  counted(launch, [](const ChooseArgs& a) { choose<Octet, C>(a); });
}

template <class C>
ANYWHERE inline void run_ram(const RamLaunch& launch) {
  RamArgs args = launch.args;
  args.inputs = launch.inputs;
  args.boosts = launch.boosts;
  counted(args, [](const RamArgs& a) { ram<Octet, C>(a); });
}

// Counts of one model after the other, so that a thread needs no array of them.
template <class C>
ANYWHERE inline void run_ram_count(const RamLaunch& launch) {
  const auto epsilon = Octet::set(launch.args.epsilon);
  for (uint32_t m = 0; m < launch.args.input_count; ++m) {
    uint64_t shared = 0, unique = 0;
    walk<Octet, C>(launch.args.n, [&](auto at) {
      const auto base = at.load(launch.args.base);
      const auto count =
          active_count<Octet>(at, launch.inputs, launch.args.input_count, base, epsilon);
      const uint32_t single = Octet::bits(Octet::equal(count, Octet::set(1.0f)));
      const auto d = Octet::sub(at.load(launch.inputs[m]), base);
      // What lies beyond the end is not padded with zeros, and must not count.
      const auto live = static_cast<uint32_t>((1u << at.live) - 1);
      const uint32_t active = Octet::bits(Octet::greater(Octet::abs(d), epsilon)) & live;
      unique += count_ones(active & single);
      shared += count_ones(active & ~single);
    });
    if (shared != 0) add_to(&launch.shared[m], shared);
    if (unique != 0) add_to(&launch.unique[m], unique);
  }
}

template <class C>
ANYWHERE inline void run_sce(const SceLaunch& launch) {
  SceArgs args = launch.args;
  args.inputs = launch.inputs;
  args.shares = launch.shares;
  counted(args, [](const SceArgs& a) { sce<Octet, C>(a); });
}

template <class C>
ANYWHERE inline void run_sce_variance(const VarianceLaunch& launch) {
  SceVarianceArgs args = launch.args;
  args.inputs = launch.inputs;
  sce_variance<Octet, C>(args);
}

template <class C>
ANYWHERE inline void run_delta_magnitude(const DeltaArgs& args) {
  delta_magnitude<Octet, C>(args);
}

template <class C>
ANYWHERE inline void run_decode(const DecodeArgs& args) {
  decode<Octet, C>(args);
}

template <class C>
ANYWHERE inline void run_encode(const EncodeArgs& args) {
  encode<Octet, C>(args);
}

}  // namespace
}  // namespace weightloom::cuda
