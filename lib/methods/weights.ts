import { MergeError } from "../errors.ts";
import type { Operation } from "../plan/types.ts";

/** Sum of binary32 weights, each addition rounded to binary32, in order. */
export function sumOfWeights(weights: readonly number[]): number {
  return weights.reduce((sum, weight) => Math.fround(sum + weight), 0);
}

/** Inputs whose weight is not 0, with their weights in binary32: a weight of 0 means absence. */
export function withoutZeros(
  inputs: readonly number[],
  weights: readonly number[],
): { inputs: number[]; weights: number[] } {
  const rounded = weights.map(Math.fround);
  const present = (_: number, i: number) => rounded[i] !== 0;
  return { inputs: inputs.filter(present), weights: rounded.filter(present) };
}

/**
 * The linear combination with these weights. One input that counts fully is a copy, byte for byte.
 * @throws MergeError OUT_OF_RANGE when the weights of a normalized mean sum to 0.
 */
export function weightedMean(
  inputs: readonly number[],
  weights: readonly number[],
  normalize: boolean,
  tensor: string,
): Operation {
  const present = withoutZeros(inputs, weights);
  const sum = sumOfWeights(present.weights);
  if (normalize && sum === 0) {
    throw new MergeError("OUT_OF_RANGE", `the weights of ${tensor} sum to 0`, {
      hint: "change a weight, or set normalize: false",
    });
  }
  const [first] = present.inputs;
  if (present.inputs.length === 1 && (normalize || present.weights[0] === 1)) {
    return { op: "copy", input: first };
  }
  if (present.inputs.length === 0) {
    return { op: "linear", inputs: [inputs[0]], weights: [0], divisor: null, mean: false };
  }
  const unit = sum === 1;
  return {
    op: "linear",
    ...present,
    divisor: normalize && !unit ? sum : null,
    mean: normalize || unit,
  };
}
