import type { Dtype } from "../format/dtype.ts";

/** What happens to a model's delta before it is combined; one entry per input of a `task`. */
export type Sparsify =
  | { kind: "none" }
  /** Keep the `keep` elements of largest magnitude; equal ones by lower index. */
  | { kind: "magnitude"; keep: number }
  /**
   * Keep what is among the largest of the whole model: `trim` is a position in `Plan.trims`, and
   * `first` the place of this tensor's first element in that trim's flat vector.
   */
  | { kind: "global"; density: number; trim: number; first: number }
  /** Keep an element iff its random word is below `threshold`; `model` enters Philox's counter. */
  | { kind: "random"; threshold: number; model: number }
  /** Drop the `top` elements of largest magnitude, keep the next `keep`. */
  | { kind: "outliers"; top: number; keep: number }
  /** Of every row drop the `top` largest elements, keep the next `keep`. */
  | { kind: "row"; top: number; keep: number }
  /**
   * Keep an element with probability p = low + spread·(rank in its row, from 0 to 1); `inverse`:
   * divide what is kept by p.
   */
  | { kind: "rank"; low: number; spread: number; model: number; inverse: boolean };

/** Which rule makes coefficients from a Gram matrix. */
export type Sphere = "slerp" | "nuslerp" | "multislerp" | "karcher" | "model_stock";

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
  /**
   * A linear combination whose coefficients follow from the Gram matrix of the inputs, or of their
   * deltas to `base`, which is then added: over the whole tensor, or row by row or column by column
   * of a matrix with rows of `width` elements.
   */
  | {
      op: "span";
      sphere: Sphere;
      inputs: readonly number[];
      base: number | null;
      axis: "all" | "rows" | "columns";
      width: number;
      parameters: readonly number[];
    }
  /** Take the input where it is closer to the base than `t`, and less of it elsewhere. */
  | { op: "nearswap"; base: number; input: number; t: number }
  /** Average what several models changed by more than epsilon; `boost` what only one did. */
  | {
      op: "ram";
      base: number;
      inputs: readonly number[];
      epsilon: number;
      boost: { r: number; alpha: number } | null;
    }
  /** Select positions of high variance, weigh models by mean square, erase minority signs. */
  | { op: "sce"; base: number; inputs: readonly number[]; topk: number }
  /** Take the input where its importance exceeds a threshold from quantiles; rows of `width`. */
  | { op: "arcee_fusion"; base: number; input: number; width: number }
  /** A method written in TypeScript by the user; its function is handed to the backend. */
  | {
      op: "custom";
      method: string;
      inputs: readonly number[];
      base: number | null;
      shape: readonly number[];
      parameters: Readonly<Record<string, number>>;
      modelParameters: Readonly<Record<string, readonly number[]>>;
    }
  /** base + λ·combine(sparsify(xᵢ − base)): the task-arithmetic family. */
  | {
      op: "task";
      base: number;
      inputs: readonly number[];
      weights: readonly number[];
      sparsify: readonly Sparsify[];
      /** Restore the L1 norm that sparsification took from a delta. */
      rescale: boolean;
      /** Factor on each sparsified delta, 1 as a rule; replaced by the L1 ratio when rescaling. */
      factors: readonly number[];
      consensus: boolean;
      /** Divide: by the weights' sum, or with consensus by the number of models that agree. */
      normalize: false | "weights" | "count";
      /** Sum of the weights in binary32, by which `normalize` divides without consensus. */
      divisor: number;
      lambda: number;
      /** Philox key: two unsigned 32-bit words. */
      key: readonly [number, number];
      /** Random words from torch's CPU stream instead: its seed, and this tensor's first draw. */
      torch: { seed: number; offset: number } | null;
      /** Length of a row, for ranks. */
      width: number;
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

/**
 * The largest elements of a model's delta over many tensors, taken as one flat vector: the tensors
 * in the order of their names, each in its own order.
 */
export interface Trim {
  /** Position of the model in the recipe. */
  model: number;
  /** Elements of the flat vector, and how many of them stay; equal ones by lower index. */
  count: number;
  keep: number;
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

/** Layers of one module of a recipe with several. */
export interface ModuleLayers {
  /** Word by which the checkpoint's names tell the module apart: `language_model`, `visual`. */
  module: string;
  /** Source layer of every output layer. */
  layers: readonly number[];
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
  /** Modules whose layers the recipe chooses, when it has several; `layers` is null then. */
  modules?: readonly ModuleLayers[];
  /** config.json must say that the output head is not the embedding. */
  untie?: true;
  /** Text of the chat template, when it is not to be the donor's. */
  chatTemplate?: string;
  /** Directory that the tokenizer's files come from, when it is not the donor's. */
  tokenizer?: string;
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
  /** Where random numbers come from, when it is not Philox. */
  random?: "torch-cpu";
  /** Paths of the models in recipe order; the base comes last when it is not listed. */
  models: readonly string[];
  sources: readonly PlanSource[];
  shards: readonly PlanShard[];
  steps: readonly PlanStep[];
  /** Selections over whole models, which go before the steps; absent when there are none. */
  trims?: readonly Trim[];
  dropped: readonly Dropped[];
  /** Remarks that do not stop the merge. */
  notes: readonly string[];
  assets: PlanAssets;
  /** SHA-256 over everything that decides the output's bytes; paths and times are not part. */
  hash: string;
  /** Plans of the other documents of the recipe that this one builds on, in the order of merging. */
  intermediates?: readonly Intermediate[];
}

/** The merge of a named document, whose result other documents use as a model. */
export interface Intermediate {
  name: string;
  plan: Plan;
}
