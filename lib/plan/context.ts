import { evaluate, resolve } from "../config/parameters.ts";
import type { Parameters } from "../config/types.ts";
import { MergeError, printable } from "../errors.ts";
import type { Method, ParameterSpec, TensorContext } from "../methods/types.ts";
import type { Aligned } from "./align.ts";
import { positionsOf } from "./layers.ts";

/** Where random numbers come from. */
export interface Chance {
  seed: bigint;
  random: "philox" | "torch-cpu";
}

/** Thrown when a required parameter yields no value for a tensor. */
function missing(spec: ParameterSpec, tensor: string): MergeError {
  const message = `parameter ${spec.name} has no value for ${printable(tensor)}`;
  return new MergeError("MISSING_PARAMETER", message, {
    hint: "give a value without a filter, which counts for all other tensors",
  });
}

/** Kernels work in binary32, where a larger number would be infinite. */
export function representable(spec: ParameterSpec, value: number): number {
  if (Number.isFinite(Math.fround(value))) return value;
  throw new MergeError("OUT_OF_RANGE", `${spec.name}: ${value} is beyond binary32`);
}

/** Resolves the parameters of one output tensor by mergekit's precedence. */
export class RecipeContext implements TensorContext {
  readonly name: string;
  readonly count: number;
  readonly shape: readonly number[];
  readonly seed: bigint;
  readonly random: "philox" | "torch-cpu";
  readonly base: number | undefined;
  readonly others: readonly number[];
  readonly #aligned: Aligned;
  readonly #method: Method;
  readonly #global: Parameters;
  /** What has been asked for so far: global parameters, and those of inputs by position. */
  readonly asked: Map<string, number | Map<number, number>> | undefined;

  /** Keeps what is asked for only where it is to be told. */
  constructor(aligned: Aligned, method: Method, global: Parameters, chance: Chance, told = false) {
    this.asked = told ? new Map() : undefined;
    const { wanted, count, shape } = aligned;
    this.#aligned = aligned;
    this.#method = method;
    this.#global = global;
    this.name = wanted.name;
    this.count = count;
    this.shape = shape;
    this.seed = chance.seed;
    this.random = chance.random;
    this.base = method.base === "ignored" ? undefined : wanted.slice.base;
    const all = positionsOf(wanted.slice);
    const apart = method.base === "required" || method.base === "optional";
    this.others = apart ? all.filter((s) => s !== this.base) : all;
  }

  number(name: string): number | undefined {
    const value = this.#settle(name, this.#common(name, this.name), this.name);
    if (value !== undefined) this.asked?.set(name, value);
    return value;
  }

  flag(name: string): boolean {
    return this.number(name) === 1;
  }

  numberOf(name: string, input: number): number | undefined {
    const { slice, sourceNames, t } = this.#aligned.wanted;
    const source = slice.sources[input];
    const tensor = sourceNames[input];
    const own = evaluate(source.parameters[name], t, tensor);
    const value = this.#settle(name, own ?? this.#common(name, tensor), tensor);
    if (this.asked !== undefined && value !== undefined) this.#keep(name, source.position, value);
    return value;
  }

  #keep(name: string, position: number, value: number): void {
    const known = this.asked?.get(name);
    const values = known instanceof Map ? known : new Map<number, number>();
    this.asked?.set(name, values.set(position, value));
  }

  /** What the levels say that all models have in common. */
  #common(name: string, tensor: string): number | undefined {
    const { slice, t } = this.#aligned.wanted;
    return resolve(slice.levels, name, t, tensor) ?? evaluate(this.#global[name], t, tensor);
  }

  #settle(name: string, found: number | undefined, tensor: string): number | undefined {
    // A method asks only for parameters that it declares.
    const spec = this.#method.parameters.find((each) => each.name === name) as ParameterSpec;
    if (found !== undefined) return representable(spec, found);
    if (spec.default !== undefined) return Number(spec.default);
    if (spec.optional === true) return undefined;
    throw missing(spec, tensor);
  }
}
