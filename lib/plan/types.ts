import type { Dtype } from "../format/dtype.ts";

/** What happens to a model's delta before it is combined; one entry per input of a `task`. */
export type Sparsify =
  | { kind: "none" }
  /** Keep the `keep` elements of largest magnitude; equal ones by lower index. */
  | { kind: "magnitude"; keep: number }
  /** Keep an element iff its Philox word is below `threshold` (of 2^32); `model` enters the counter. */
  | { kind: "random"; threshold: number; model: number };

/**
 * The arithmetic of one output tensor, over the step's inputs by position. Weights, divisors and
 * lambda are binary32 values; everything here is decided from headers and the recipe alone.
 */
export type Operation =
  /** The bytes of one input. */
  | { op: "copy"; input: number }
  /** The bytes of the first input; all inputs must be identical (integers and booleans). */
  | { op: "same" }
  /** Σ wᵢ·xᵢ, divided by `divisor` when there is one. `mean`: equal inputs give that value. */
  | {
      op: "linear";
      inputs: readonly number[];
      weights: readonly number[];
      divisor: number | null;
      mean: boolean;
    }
  /** Spherical interpolation from one input to another; coefficients from their Gram matrix. */
  | { op: "slerp"; from: number; to: number; t: number }
  /** base + λ·combine(sparsify(xᵢ − base)): the task-arithmetic family. */
  | {
      op: "task";
      base: number;
      inputs: readonly number[];
      weights: readonly number[];
      sparsify: readonly Sparsify[];
      rescale: boolean;
      consensus: boolean;
      normalize: boolean;
      /** Sum of the weights in binary32, by which `normalize` divides without consensus. */
      divisor: number;
      lambda: number;
      /** Philox key: two unsigned 32-bit words. */
      key: readonly [number, number];
    };

/** A span of a source file that holds (at least) the step's `count` elements. */
export interface PlanInput {
  /** Position in `Plan.sources`. */
  source: number;
  /** Absolute byte offset in that file. */
  offset: number;
  dtype: Dtype;
  /** Position of the model in the recipe, for explanations. */
  model: number;
  /** Name of the tensor there. */
  tensor: string;
}

/** One output tensor. */
export interface PlanStep {
  tensor: string;
  dtype: Dtype;
  shape: readonly number[];
  /** Elements, the product of the shape. */
  count: number;
  /** Position in `Plan.shards`, and the absolute byte offset in that file. */
  shard: number;
  offset: number;
  inputs: readonly PlanInput[];
  operation: Operation;
}

/** An input file, as its header showed it. */
export interface PlanSource {
  path: string;
  size: number;
  /** SHA-256 of the header's bytes, in hexadecimal. */
  headerHash: string;
  /** Modification time in nanoseconds, inode and device, as decimal strings. */
  identity: { mtimeNs: string; inode: string; device: string };
}

/** An output file: its name, its size, and its finished header. */
export interface PlanShard {
  name: string;
  size: number;
  /** Length prefix and JSON, in base64. */
  header: string;
}

/** A tensor of an input that the output does not have. */
export interface Dropped {
  model: number;
  tensor: string;
  reason: string;
}

/** Companion files: what config.json must say, and where the small files come from. */
export interface PlanAssets {
  /** Directory of the donor model (base, else first model). */
  donor: string;
  /** Storage dtype to write into config.json, when the output has a single float dtype. */
  dtype: Dtype | null;
  /** Source layer of every output layer, when the recipe has slices; else null. */
  layers: readonly number[] | null;
  /** Rows of the output's embedding, when they differ from the donor's; else null. */
  vocabSize: number | null;
}

/**
 * A merge, decided: plain data made from headers and a recipe. It holds the final place of every
 * output byte, so that steps can run in any order, by any backend, in any number of threads.
 */
export interface Plan {
  format: 1;
  method: string;
  /** Seed of every random choice, in decimal. */
  seed: string;
  /** Paths of the models in recipe order; the base comes last when it is not listed. */
  models: readonly string[];
  sources: readonly PlanSource[];
  shards: readonly PlanShard[];
  steps: readonly PlanStep[];
  dropped: readonly Dropped[];
  /** Remarks that do not stop the merge. */
  notes: readonly string[];
  assets: PlanAssets;
  /** SHA-256 over everything that decides the output's bytes; paths and times are not part. */
  hash: string;
}
