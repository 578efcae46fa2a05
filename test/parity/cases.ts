/** One or more cases for every method: how to call it with some tensors. */
import {
  type ArrayOptions,
  dare,
  linear,
  slerp,
  taskArithmetic,
  type TensorLike,
  ties,
} from "../../lib/arrays.ts";
import { METHODS } from "../../lib/methods/index.ts";
import type { Tensor } from "../../lib/tensor.ts";

export interface Case {
  name: string;
  method: string;
  /** Models beside the base; the last tensor given is the base. */
  models: number;
  run(tensors: readonly Tensor[], options: ArrayOptions): TensorLike;
}

type Models = readonly Tensor[];

function split(tensors: Models): { models: Models; base: Tensor } {
  return { models: tensors.slice(0, -1), base: tensors[tensors.length - 1] };
}

function task(
  name: string,
  method: string,
  models: number,
  run: (models: Models, base: Tensor, options: ArrayOptions) => TensorLike,
): Case {
  return {
    name,
    method,
    models,
    run: (tensors, options) => {
      const { models: others, base } = split(tensors);
      return run(others, base, options);
    },
  };
}

export const CASES: readonly Case[] = [
  task("linear, 1 model scaled", "passthrough", 1, (models, _, o) =>
    linear(models, { ...o, weight: 0.3, normalize: false }),
  ),
  task("linear, 2 models", "linear", 2, (models, _, o) => linear(models, { ...o, weight: [0.6, 0.4] })),
  task("linear, 3 models, sum not 1", "linear", 3, (models, _, o) =>
    linear(models, { ...o, weight: [0.9, -0.4, 1.7] }),
  ),
  task("linear, 5 models, not normalized", "linear", 5, (models, _, o) =>
    linear(models, { ...o, weight: [0.1, 0.2, 0.3, 0.4, 3], normalize: false }),
  ),
  task("slerp", "slerp", 2, ([a, b], _, o) => slerp(a, b, { ...o, t: 0.35 })),
  task("slerp of equal tensors", "slerp", 2, ([a], _, o) => slerp(a, a, { ...o, t: 0.7 })),
  task("task_arithmetic", "task_arithmetic", 2, (models, base, o) =>
    taskArithmetic(models, { ...o, base, weight: [0.6, 0.9] }),
  ),
  task("task_arithmetic, normalize, lambda", "task_arithmetic", 3, (models, base, o) =>
    taskArithmetic(models, { ...o, base, weight: [0.6, 0.9, -0.2], normalize: true, lambda: 0.5 }),
  ),
  task("ties", "ties", 3, (models, base, o) =>
    ties(models, { ...o, base, weight: [1, 0.8, 0.6], density: 0.5 }),
  ),
  task("ties, rescale, not normalized", "ties", 2, (models, base, o) =>
    ties(models, { ...o, base, density: [0.2, 0.7], rescale: true, normalize: false, lambda: 0.7 }),
  ),
  task("ties, density 1, negative weight", "ties", 2, (models, base, o) =>
    ties(models, { ...o, base, weight: [1, -0.5] }),
  ),
  task("dare_linear", "dare_linear", 2, (models, base, o) =>
    dare(models, { ...o, base, weight: [0.5, 0.4], density: 0.5, seed: 7, name: "a.weight" }),
  ),
  task("dare_ties", "dare_ties", 3, (models, base, o) =>
    dare(models, { ...o, base, density: [0.3, 0.9, 1], seed: 2n ** 63n + 1n, ties: true }),
  ),
  task("dare_linear, density 0, no rescale", "dare_linear", 1, (models, base, o) =>
    dare(models, { ...o, base, density: 0, rescale: false }),
  ),
];

/** What the cases must cover. */
export const cases: { methods: ReadonlySet<string> } = { methods: new Set(METHODS.keys()) };
