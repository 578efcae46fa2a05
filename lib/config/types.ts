import type { Place } from "../errors.ts";

/** A number, or a list of numbers that is interpolated over the layers of a slice. */
export type ParameterValue = number | readonly number[];

/** A value for the tensors whose name contains `filter`; without a filter, for all others. */
export interface ConditionalValue {
  filter?: string;
  value: ParameterValue | readonly ConditionalValue[];
}

/** What a recipe may give a parameter: mergekit's three forms. */
export type ParameterSetting = ParameterValue | readonly ConditionalValue[];

export type Parameters = Readonly<Record<string, ParameterSetting>>;

/** A model: where it lies, and which revision and LoRA adapter go with it. */
export interface ModelReference {
  /** Local path or hub name, as written. */
  path: string;
  revision?: string;
  lora?: { path: string; revision?: string };
  /** Replaces the `architectures` entry of the model's config. */
  overrideArchitecture?: string;
}

/** One model of a merge with its own parameters. */
export interface RecipeModel {
  model: ModelReference;
  parameters: Parameters;
  place: Place;
}

/** One model's part of a slice: its layers from `layerRange[0]` up to, not including, `[1]`. */
export interface RecipeSource extends RecipeModel {
  layerRange: readonly [number, number];
}

/** A run of consecutive output layers, merged from as many layers of each source. */
export interface RecipeSlice {
  sources: readonly RecipeSource[];
  baseModel?: ModelReference;
  parameters: Parameters;
  place: Place;
}

/** The body of a merge: whole models, or slices of them; exactly one of the two. */
export type RecipeBody = (
  | { models: readonly RecipeModel[]; slices?: undefined }
  | { models?: undefined; slices: readonly RecipeSlice[] }
) & {
  /** Of the module; empty for a body that is no module's. */
  parameters: Parameters;
};

/** A dtype that a recipe can ask for; YAML spells them `float32`, `float16`, `bfloat16`. */
export type RecipeDtype = "F32" | "F16" | "BF16";

/** Which tokenizer the output gets: of all models, of the base model, or of one model. */
export type TokenizerSource = "union" | "base" | ModelReference;

/** Where the embedding of a token comes from. */
export type TokenSource =
  | { kind: "zero" }
  /** The embedding that this model has for the same token. */
  | { kind: "model"; model: ModelReference }
  /** The embedding that this model has for the token given by text or by id. */
  | { kind: "model_token"; model: ModelReference; token?: string; tokenId?: number };

export interface TokenSetting {
  source?: TokenSource;
  /** Whether models that have the token get the embedding from `source` too. */
  force: boolean;
}

export interface TokenizerSetting {
  source?: TokenizerSource;
  tokens?: Readonly<Record<string, TokenSetting>>;
  padToMultipleOf?: number;
}

/** What to do where a model lacks a tensor: refuse, merge without it, or take the base's. */
export type MissingPolicy = "error" | "skip" | "base";

/** The same where shapes differ; `cut` takes the rows that all models have. */
export type MismatchPolicy = MissingPolicy | "cut";

/** A policy for the tensors whose name contains `filter`; without a filter, for all others. */
export interface PolicyRule<T> {
  filter?: string;
  value: T;
}

/** A validated recipe: the typed form of a mergekit YAML document. Plain data. */
export interface Recipe {
  mergeMethod: string;
  baseModel?: ModelReference;
  /** Of a whole-model architecture; absent when `modules` is given. */
  body?: RecipeBody;
  modules?: Readonly<Record<string, RecipeBody>>;
  /** Global parameters. */
  parameters: Parameters;
  dtype?: RecipeDtype;
  outDtype?: RecipeDtype;
  tokenizerSource?: TokenizerSource;
  tokenizer?: TokenizerSetting;
  /** `auto`, the name of a bundled template, or template text. */
  chatTemplate?: string;
  onMissing?: readonly PolicyRule<MissingPolicy>[];
  onMismatch?: readonly PolicyRule<MismatchPolicy>[];
  /** Whether embeddings may be cut to the rows that all models have; `cut` by default. */
  embeddingRows?: "cut" | "error";
  /** Document name in a multi-document recipe. */
  name?: string;
  /** Where each recipe path stands in the document, for messages raised later. */
  places: Readonly<Record<string, Place>>;
}
