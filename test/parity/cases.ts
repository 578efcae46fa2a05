/** One or more cases for every method: how to call it with some tensors. */
import type { ArrayOptions, MergeTensorsOptions, TensorLike } from "../../lib/array-types.ts";
import { dare, linear, mergeTensors, slerp, taskArithmetic, ties } from "../../lib/arrays.ts";
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
  task("linear, 2 models", "linear", 2, (models, _, o) =>
    linear(models, { ...o, weight: [0.6, 0.4] }),
  ),
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
  ...generalCases(),
];

/** Reads a tensor as a matrix of rows of `width`, as far as its length allows. */
function asMatrix(tensors: Models, width: number): Tensor[] {
  return tensors.map((each) => {
    const [count] = each.shape;
    const shape = count % width === 0 ? [count / width, width] : [count];
    return { ...each, shape };
  });
}

/** A case of `mergeTensors`; with a width the tensors are matrices where they can be. */
function general(
  name: string,
  method: string,
  models: number,
  options: MergeTensorsOptions,
  form: { base?: boolean; width?: number } = {},
): Case {
  return task(name, method, models, (given, base, o) => {
    const all =
      form.width === undefined ? [...given, base] : asMatrix([...given, base], form.width);
    const around = form.base === false ? {} : { base: all[all.length - 1] };
    return mergeTensors(method, all.slice(0, -1), { ...o, ...options, ...around });
  });
}

function generalCases(): Case[] {
  const none = { base: false };
  const weights = { weight: [0.6, 0.4] };
  const rows = { nuslerp_flatten: false };
  const columns = { nuslerp_flatten: false, nuslerp_row_wise: true };
  const torch = { random: "torch-cpu", seed: 7 } as const;
  return [
    general("nuslerp", "nuslerp", 2, { parameters: weights }, none),
    general("nuslerp, base", "nuslerp", 2, { parameters: weights }),
    general(
      "nuslerp, rows",
      "nuslerp",
      2,
      { parameters: { ...weights, ...rows } },
      { width: 5, ...none },
    ),
    general(
      "nuslerp, long rows, base",
      "nuslerp",
      2,
      { parameters: { ...weights, ...rows } },
      { width: 1000 },
    ),
    general(
      "nuslerp, columns",
      "nuslerp",
      2,
      { parameters: { ...weights, ...columns } },
      { width: 13, ...none },
    ),
    general(
      "nuslerp, columns, base",
      "nuslerp",
      2,
      { parameters: { ...weights, ...columns } },
      { width: 16 },
    ),
    general("multislerp", "multislerp", 3, { parameters: { weight: [1, 2, 0.5] } }, none),
    general("multislerp, base", "multislerp", 2, { parameters: { ...weights, eps: 1e-3 } }),
    general("karcher", "karcher", 3, {}, none),
    general("karcher, base, one step", "karcher", 2, { parameters: { max_iter: 1 } }),
    general("model_stock", "model_stock", 3, {}),
    general(
      "model_stock, rows",
      "model_stock",
      2,
      { parameters: { filter_wise: true } },
      { width: 8 },
    ),
    general(
      "della",
      "della",
      2,
      { parameters: { ...weights, density: 0.5, epsilon: 0.1 } },
      { width: 7 },
    ),
    general("della_linear, torch", "della_linear", 2, {
      ...torch,
      parameters: { ...weights, density: [0.6, 0.3], epsilon: 0.2 },
    }),
    general("dare_ties, torch", "dare_ties", 2, {
      ...torch,
      parameters: { weight: [1, 0], density: 0.4 },
    }),
    general("breadcrumbs", "breadcrumbs", 2, {
      parameters: { ...weights, density: 0.5, gamma: 0.1 },
    }),
    general("breadcrumbs_ties", "breadcrumbs_ties", 3, {
      parameters: { weight: 1, density: [0.9, 0.3, 1], gamma: 0.3 },
    }),
    general("breadcrumbs, rescale", "breadcrumbs", 1, {
      parameters: { weight: 1, density: 0.3, rescale: true },
    }),
    general(
      "ties, paper",
      "ties",
      3,
      { parameters: { weight: [1, 0.5, 2], density: 0.3, variant: 1 } },
      { width: 9 },
    ),
    general(
      "ties, rows, rescale",
      "ties",
      2,
      { parameters: { ...weights, density: 0.4, density_scope: 1, rescale: true } },
      { width: 1000 },
    ),
    general("dare_ties, paper", "dare_ties", 2, {
      parameters: { ...weights, density: 0.4, variant: 1 },
    }),
    general(
      "della, paper",
      "della",
      2,
      { parameters: { ...weights, density: 0.5, variant: 1 } },
      { width: 8 },
    ),
    general(
      "della_linear, inverse, torch",
      "della_linear",
      1,
      { ...torch, parameters: { weight: 1, density: 0.4, epsilon: 0.1, rescale: 2 } },
      { width: 7 },
    ),
    general(
      "breadcrumbs, rows",
      "breadcrumbs",
      2,
      { parameters: { ...weights, density: 0.5, gamma: 0.2, variant: 1 } },
      { width: 11 },
    ),
    general("nearswap", "nearswap", 1, { parameters: { t: 0.01 } }),
    general("arcee_fusion", "arcee_fusion", 1, {}, { width: 11 }),
    general("arcee_fusion, one row", "arcee_fusion", 1, {}),
    general("sce", "sce", 3, {}),
    general("sce, select", "sce", 2, { parameters: { select_topk: 0.3 } }),
    general("ram", "ram", 3, {}),
    general("ram, wide epsilon", "ram", 2, { parameters: { epsilon: 0.05 } }),
    general("ramplus_tl", "ramplus_tl", 3, { parameters: { r: 0.5, alpha: 1, epsilon: 0.02 } }),
  ];
}

/** What the cases must cover. */
export const cases: { methods: ReadonlySet<string> } = { methods: new Set(METHODS.keys()) };
