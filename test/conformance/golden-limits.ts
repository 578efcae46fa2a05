/**
 * How far a sound implementation may be from mergekit's results: see "Comparing" in the README of
 * the fixtures. Each limit on a sum or a norm follows from the limits on the elements.
 */
import { exampleModel, type GoldenCase } from "./golden-cases.ts";
import { type TensorOutcomes, tiesOutcomes } from "./golden-ties.ts";

/** Largest difference of an element between float32 implementations. */
export const ABSOLUTE = 2e-6;
/** Largest relative L2 difference of a tensor between float32 implementations. */
export const RELATIVE = 1e-5;

/**
 * In bfloat16, in units of 2^-8 of the largest model's value: 2.2 for the roundings of mergekit's
 * intermediate results, and 0.5 for the one rounding of ours.
 */
const BFLOAT16_UNITS = 2.2 + 0.5;

/** What one tensor may differ by. */
export interface Limits {
  element(i: number): number;
  sum: number;
  l2: number;
  absmax: number;
}

function norm(values: ArrayLike<number>): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i] ** 2;
  return Math.sqrt(squares);
}

/** Independent roundings add up like their norm. */
function uniform(limit: number, count: number): Limits {
  const l2 = limit * Math.sqrt(count);
  return { element: () => limit, sum: l2, l2, absmax: limit };
}

/** Rounded weights scale the whole tensor besides, so that a sum can shift by its own share. */
function bfloat16(sum: number, models: readonly Float32Array[]): Limits {
  const unit = BFLOAT16_UNITS * 2 ** -8;
  const limits = models[0].map((_, i) => unit * Math.max(...models.map((x) => Math.abs(x[i]))));
  const l2 = norm(limits);
  const absmax = limits.reduce((most, limit) => Math.max(most, limit), 0);
  return { element: (i) => limits[i], sum: l2 + unit * Math.abs(sum), l2, absmax };
}

/** Where several outcomes are right, they may differ by as much as lies between them. */
function between({ first, open }: TensorOutcomes): Limits {
  const rounding = uniform(ABSOLUTE, first.length);
  const spread = new Map(
    [...open].map(([i, values]) => [i, Math.max(...values) - Math.min(...values)]),
  );
  const spreads = [...spread.values()];
  return {
    element: (i) => ABSOLUTE + (spread.get(i) ?? 0),
    sum: rounding.sum + spreads.reduce((sum, each) => sum + each, 0),
    l2: rounding.l2 + norm(spreads),
    absmax: rounding.absmax + spreads.reduce((most, each) => Math.max(most, each), 0),
  };
}

/** The limits of every tensor of a case. */
export function limitsOf(golden: GoldenCase): (tensor: string) => Limits {
  const { name, meta } = golden;
  const count = (tensor: string) => meta.tensors[tensor].shape.reduce((a, b) => a * b, 1);
  if (name === "passthrough") return (tensor) => uniform(0, count(tensor));
  if (meta.undetermined_elements !== undefined) {
    const outcomes = tiesOutcomes(golden);
    return (tensor) => between(outcomes(tensor));
  }
  if (meta.out_dtype === "float32") return (tensor) => uniform(ABSOLUTE, count(tensor));
  const models = ["base", "reverse", "sort", "add"].map(exampleModel);
  return (tensor) => {
    const values = models.map((model) => model.read(tensor));
    return bfloat16(meta.tensors[tensor].sum, values);
  };
}
