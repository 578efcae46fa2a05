/** The mean of checkpoints of one training run. */
import { type DtypeName, toOutputDtype, type WriteOptions } from "./convert.ts";
import { MergeError } from "./errors.ts";
import { type MergeResult, merge } from "./merge.ts";
import { compareNames } from "./plan/names.ts";
import { type Watched, watch } from "./progress.ts";
import type { RecipeObject } from "./recipe-object.ts";

export interface AverageOptions extends WriteOptions {
  /** Take only the newest so many. */
  last?: number;
  /**
   * Decay of an exponential moving average, at least 0 and below 1; without it, all checkpoints
   * count the same.
   */
  ema?: number;
  /** Dtype of the output's float tensors; by default that of the first checkpoint taken. */
  dtype?: DtypeName;
  /** Write README.md and mergekit_config.yml; default true. */
  modelCard?: boolean;
}

/**
 * Oldest first: by name, with runs of digits compared as numbers, so that checkpoint-500 comes
 * before checkpoint-1000.
 */
export function orderCheckpoints(paths: readonly string[]): string[] {
  return [...paths].sort(compareNames);
}

/**
 * Weights by which the mean of `count` checkpoints, oldest first, is what an exponential moving
 * average holds after the last of them: e₁ = x₁ and eₜ = β·eₜ₋₁ + (1 − β)·xₜ. So x₁ has the weight
 * βⁿ⁻¹ and xₜ the weight (1 − β)·βⁿ⁻ᵗ; they sum to 1. In binary64, by repeated multiplication.
 */
export function emaWeights(count: number, decay: number): number[] {
  const weights: number[] = [];
  let power = 1;
  for (let t = count - 1; t >= 0; t--) {
    weights[t] = t === 0 ? power : (1 - decay) * power;
    power *= decay;
  }
  return weights;
}

/** Models that one operation takes. */
const MOST = 256;

/** A checkpoint or the mean of some, and what it weighs. */
interface Entry {
  model: string;
  weight: number;
}

function linear(entries: readonly Entry[]): RecipeObject {
  const models = entries.map(({ model, weight }) => ({ model, parameters: { weight } }));
  return { merge_method: "linear", models };
}

/**
 * The recipe of a mean: a `linear` merge with these weights, divided by their sum. Of more models
 * than one operation takes, the first, which gives the dtypes, is averaged with means in float32 of
 * 256 others each, in order, by the sums of their weights. Nothing is written in between for up to
 * 2,049 models.
 */
export function meanRecipe(
  models: readonly string[],
  weights: readonly number[],
  dtype: RecipeObject["dtype"],
): RecipeObject[] {
  const [first, ...others] = models.map((model, i) => ({ model, weight: weights[i] }));
  const end = dtype === undefined ? {} : { dtype };
  if (models.length <= MOST) return [{ ...linear([first, ...others]), ...end }];
  const parts: RecipeObject[] = [];
  const means: Entry[] = [];
  for (let at = 0; at < others.length; at += MOST) {
    const part = others.slice(at, at + MOST);
    const name = `checkpoints ${at + 2} to ${at + 1 + part.length}`;
    parts.push({ name, ...linear(part), dtype: "float32" });
    means.push({ model: name, weight: part.reduce((sum, { weight }) => sum + weight, 0) });
  }
  return [...parts, { ...linear([first, ...means]), ...end }];
}

function chosen(checkpoints: readonly string[], { last, ema }: AverageOptions): string[] {
  if (!Array.isArray(checkpoints) || checkpoints.length === 0) {
    throw new MergeError("ARGUMENT", "checkpoints: the paths of one model or more were expected");
  }
  if (last !== undefined && !(Number.isSafeInteger(last) && last >= 1)) {
    throw new MergeError("ARGUMENT", `last: an integer from 1 was expected, not ${last}`);
  }
  if (ema !== undefined && !(typeof ema === "number" && ema >= 0 && ema < 1)) {
    throw new MergeError("ARGUMENT", `ema: a decay from 0 to below 1 was expected, not ${ema}`);
  }
  const ordered = orderCheckpoints(checkpoints);
  return last === undefined ? ordered : ordered.slice(-last);
}

/**
 * Writes the mean of checkpoints, taken in the natural order of their names: a merge by `linear`,
 * in one streaming pass whose memory does not grow with their number. Floats are averaged in
 * binary32; integers must be the same in all of them.
 * @param checkpoints folders or `.safetensors` files, in any order
 * @throws MergeError ARGUMENT; TENSOR_DIFFERS for integers that differ; what `merge` throws
 * @example await average(["run/checkpoint-500", "run/checkpoint-1000"], { out: "mean", ema: 0.9 });
 */
export function average(
  checkpoints: readonly string[],
  options: AverageOptions,
): Watched<MergeResult> {
  return watch(async (onProgress) => {
    const { last: _, ema, dtype, ...others } = options;
    const models = chosen(checkpoints, options);
    const weights = ema === undefined ? models.map(() => 1) : emaWeights(models.length, ema);
    const recipe = meanRecipe(models, weights, dtype && toOutputDtype(dtype));
    return await merge(recipe, { ...others, onProgress });
  }, options?.onProgress);
}
