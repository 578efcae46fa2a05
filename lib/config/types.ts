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

/** The body of a merge: whole models, or slices of them. */
export interface RecipeBody {
  models?: readonly RecipeModel[];
  slices?: readonly RecipeSlice[];
  parameters: Parameters;
}

export interface TokenizerSetting {
  source?: string | ModelReference;
  tokens?: unknown;
  padToMultipleOf?: number;
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
  dtype?: "F32" | "F16" | "BF16";
  outDtype?: "F32" | "F16" | "BF16";
  tokenizerSource?: string | ModelReference;
  tokenizer?: TokenizerSetting;
  chatTemplate?: string;
  /** Document name in a multi-document recipe. */
  name?: string;
  /** Where each recipe path stands in the document, for messages raised later. */
  places: Readonly<Record<string, Place>>;
}
