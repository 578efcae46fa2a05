/** The recipe as a TypeScript object: the keys and forms of mergekit's YAML, typed. */

/** A value (a word where the parameter has words), a gradient over the layers, or by tensor name. */
export type Setting =
  | number
  | boolean
  | string
  | readonly number[]
  | readonly { filter?: string; value: number | boolean | readonly number[] }[];

export type Settings = Readonly<Record<string, Setting>>;

export interface ModelEntry {
  model: string;
  parameters?: Settings;
}

export interface SourceEntry extends ModelEntry {
  /** From the first layer up to, not including, the second. */
  layer_range: readonly [number, number];
}

export interface SliceEntry {
  sources: readonly SourceEntry[];
  base_model?: string;
  parameters?: Settings;
}

/** One module of a model with several, such as a language model and a vision tower. */
export interface ModuleEntry {
  models?: readonly ModelEntry[];
  slices?: readonly SliceEntry[];
  parameters?: Settings;
}

/** One word for all tensors, or words by tensor name. */
export type PolicySetting<T extends string> = T | readonly { filter?: string; value: T }[];

export type MethodName =
  | "linear"
  | "slerp"
  | "nuslerp"
  | "multislerp"
  | "karcher"
  | "passthrough"
  | "task_arithmetic"
  | "ties"
  | "dare_linear"
  | "dare_ties"
  | "breadcrumbs"
  | "breadcrumbs_ties"
  | "della"
  | "della_linear"
  | "model_stock"
  | "nearswap"
  | "arcee_fusion"
  | "sce"
  | "ram"
  | "ramplus_tl";

export type OutputDtype = "float32" | "float16" | "bfloat16";

/**
 * A merge recipe. Exactly one of `models`, `slices` and `modules` is given.
 * @example
 * const recipe: RecipeObject = {
 *   merge_method: "slerp",
 *   base_model: "models/a",
 *   models: [{ model: "models/a" }, { model: "models/b" }],
 *   parameters: { t: 0.5 },
 * };
 */
export interface RecipeObject {
  /** By which other documents of a recipe use this one's result; absent for the output. */
  name?: string;
  /** A method of the table, or the name of a custom one. */
  merge_method: MethodName | (string & {});
  models?: readonly ModelEntry[];
  slices?: readonly SliceEntry[];
  modules?: Readonly<Record<string, ModuleEntry>>;
  base_model?: string;
  parameters?: Settings;
  dtype?: OutputDtype;
  out_dtype?: OutputDtype;
  /** `union`, `base` or a model: the tokenizer of a merge whose models have one vocabulary. */
  tokenizer_source?: string;
  tokenizer?: { source?: string };
  /** `auto`, `chatml`, or the text of a Jinja template. */
  chat_template?: string;
  /** What to do where a model lacks a tensor; `error` by default. */
  on_missing?: PolicySetting<"error" | "skip" | "base">;
  /** What to do where shapes differ; `error` by default. */
  on_mismatch?: PolicySetting<"error" | "skip" | "base" | "cut">;
  /** Whether embeddings are cut to the rows that all models have; `cut` by default. */
  embedding_rows?: "cut" | "error";
}
