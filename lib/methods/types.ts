import type { Operation } from "../plan/types.ts";

/** A parameter of a method: its name in YAML, where it may stand, and what it may be. */
export interface ParameterSpec {
  readonly name: string;
  /** `model`: one value for each model; `global`: one value for the merge. */
  readonly scope: "global" | "model";
  readonly type: "number" | "integer" | "boolean";
  /** Value when the recipe gives none. Without it the parameter is required, unless `optional`. */
  readonly default?: number | boolean;
  readonly optional?: boolean;
  /** Words that stand for values, such as `inverse-density` for 2. */
  readonly words?: Readonly<Record<string, number>>;
  /** Inclusive bounds. */
  readonly min?: number;
  readonly max?: number;
  /** One sentence for the documentation and for messages. */
  readonly about: string;
}

/** What one output tensor's merge is made from, with every parameter resolved. */
export interface TensorContext {
  /** Name of the output tensor. */
  readonly name: string;
  readonly count: number;
  readonly shape: readonly number[];
  readonly seed: bigint;
  /** Where random numbers come from: Philox, or torch's generator as mergekit uses it on a CPU. */
  readonly random: "philox" | "torch-cpu";
  /** Positions in the step's input list: the base's (if it takes part), and the others', in recipe order. */
  readonly base: number | undefined;
  readonly others: readonly number[];
  /** Value of a global parameter for this tensor; undefined when optional and absent. */
  number(name: string): number | undefined;
  flag(name: string): boolean;
  /** Value of a per-model parameter for the input at this position. */
  numberOf(name: string, input: number): number | undefined;
}

/** A merge method: one small declaration; arithmetic lives in `reference/` and `native/kernels/`. */
export interface Method {
  /** The word used everywhere: YAML, files, docs, tests. */
  readonly name: string;
  readonly title: string;
  /** Paper or tool that defines the method. */
  readonly source: string;
  /**
   * Whether and how the recipe's base_model takes part: apart from the others (`required`,
   * `optional`), as one of them that matters (`among`), as one like any other (`participant`).
   */
  readonly base: "required" | "optional" | "among" | "participant" | "ignored";
  /** How many models beside the base (for `among`: all of them). */
  readonly models: { readonly min: number; readonly max: number };
  readonly parameters: readonly ParameterSpec[];
  /** Turns one tensor's inputs and parameters into the operation that the backends run. */
  lower(tensor: TensorContext): Operation;
}
