/** Methods that a user writes in TypeScript: a declaration, and a function over f32 tiles. */
import { MergeError } from "../errors.ts";
import type { Method, ParameterSpec, TensorContext } from "./types.ts";

/** Some consecutive elements of one tensor, decoded to binary32. */
export interface CustomTile {
  /** Name of the output tensor, its shape, and the index of the tile's first element in it. */
  readonly tensor: string;
  readonly shape: readonly number[];
  readonly first: number;
  /** The models beside the base, in recipe order; every array holds as many elements as `out`. */
  readonly inputs: readonly Float32Array[];
  /** The base model's elements, for methods that take one. */
  readonly base: Float32Array | undefined;
  /** Filled by the method, and then rounded once to the output's dtype. */
  readonly out: Float32Array;
  /** Values of the global parameters for this tensor; booleans are 1 and 0. */
  readonly parameters: Readonly<Record<string, number>>;
  /** Values of the per-model parameters, by name, in the order of `inputs`. */
  readonly modelParameters: Readonly<Record<string, readonly number[]>>;
}

/** The arithmetic of a custom method. Tiles come in any order; nothing may be kept between them. */
export type Combine = (tile: CustomTile) => void;

export interface CustomMethodSpec {
  /** The word for `merge_method`: lower case letters, digits and underscores. */
  name: string;
  title?: string;
  source?: string;
  /** Default: the base is one model like any other. */
  base?: Method["base"];
  models?: { min: number; max: number };
  parameters?: readonly ParameterSpec[];
  combine: Combine;
}

/** A method with its arithmetic, for the `methods` option of `merge` and `plan`. */
export interface CustomMethod extends Method {
  readonly combine: Combine;
}

function lowerCustom(spec: CustomMethodSpec, tensor: TensorContext) {
  const specs = spec.parameters ?? [];
  const value = (name: string, found: number | undefined) => [name, found ?? Number.NaN] as const;
  const global = specs.filter(({ scope }) => scope === "global");
  const perModel = specs.filter(({ scope }) => scope === "model");
  const valuesOf = ({ name }: ParameterSpec) => {
    return tensor.others.map((input) => tensor.numberOf(name, input) ?? Number.NaN);
  };
  return {
    op: "custom" as const,
    method: spec.name,
    inputs: tensor.others,
    base: tensor.base ?? null,
    shape: tensor.shape,
    parameters: Object.fromEntries(global.map(({ name }) => value(name, tensor.number(name)))),
    modelParameters: Object.fromEntries(perModel.map((each) => [each.name, valuesOf(each)])),
  };
}

/**
 * Declares a method in TypeScript. It is planned, validated, staged and published like any other,
 * and runs on the reference backend, tile by tile, in bounded memory.
 * @throws MergeError ARGUMENT when the name or the function is not what it must be
 * @example
 * const half = defineMethod({
 *   name: "half",
 *   combine({ inputs: [a, b], out }) {
 *     for (let i = 0; i < out.length; i++) out[i] = (a[i] + b[i]) / 2;
 *   },
 * });
 * await merge({ merge_method: "half", models: [{ model: "a" }, { model: "b" }] }, {
 *   out: "out",
 *   methods: [half],
 * });
 */
export function defineMethod(spec: CustomMethodSpec): CustomMethod {
  if (typeof spec?.name !== "string" || !/^[a-z][a-z0-9_]*$/.test(spec.name)) {
    throw new MergeError("ARGUMENT", "name: lower case letters, digits and _ were expected");
  }
  if (typeof spec.combine !== "function") {
    throw new MergeError("ARGUMENT", "combine: a function was expected");
  }
  return {
    name: spec.name,
    title: spec.title ?? spec.name,
    source: spec.source ?? "a custom method",
    base: spec.base ?? "participant",
    models: spec.models ?? { min: 1, max: 255 },
    parameters: spec.parameters ?? [],
    lower: (tensor) => lowerCustom(spec, tensor),
    combine: spec.combine,
  };
}
