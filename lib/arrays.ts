/**
 * The merge methods over tensors in memory, zero-copy: inputs are read where they are, and one
 * output is allocated. Each function computes at once; its `.async` form returns a promise and
 * computes on the thread pool, during which the inputs must not be changed or transferred.
 */
import type {
  ArrayOptions,
  DareOptions,
  LinearFunction,
  LinearOptions,
  MergeFunction,
  MergeTensorsOptions,
  SlerpFunction,
  SlerpOptions,
  TaskArithmeticOptions,
  TaskFunction,
  TensorLike,
  TiesOptions,
} from "./array-types.ts";
import { MergeError } from "./errors.ts";
import { METHODS } from "./methods/index.ts";
import type { Method, ParameterSpec, TensorContext } from "./methods/types.ts";
import { trimAlone } from "./plan/trims.ts";
import type { Operation } from "./plan/types.ts";
import {
  checkSignal,
  chooseBackend,
  chooseRandom,
  chooseSeed,
  readingOptions,
} from "./run/backend.ts";
import type { Backend, ExecuteOptions, Work } from "./run/work.ts";
import {
  bytesOf,
  checkFloatDtype,
  elementCount,
  emptyTensor,
  type Tensor,
  tensor,
} from "./tensor.ts";

interface Call {
  random?: "philox" | "torch-cpu" | undefined;
  method: string;
  base?: TensorLike | undefined;
  models: readonly TensorLike[];
  values: Readonly<Record<string, number | boolean | readonly number[] | undefined>>;
  seed: bigint;
  name: string;
  options: ArrayOptions;
}

interface Prepared<T> {
  work: Work;
  backend: Backend;
  options: ExecuteOptions;
  result: T;
}

function asTensor(value: TensorLike, what: string): Tensor {
  if (value instanceof Float32Array) return tensor("F32", value);
  if (typeof value === "object" && value !== null && "dtype" in value) {
    return tensor(value.dtype, value.data, value.shape);
  }
  throw new MergeError("ARGUMENT", `${what}: a Float32Array or a tensor() was expected`);
}

function sameShapes(tensors: readonly Tensor[]): void {
  const [first] = tensors;
  for (const each of tensors) {
    if (each.shape.join() === first.shape.join()) continue;
    const shapes = `[${first.shape.join(", ")}] and [${each.shape.join(", ")}]`;
    throw new MergeError("SHAPE_MISMATCH", `tensors of one shape were expected, not ${shapes}`);
  }
}

/** Resolves parameters from a call's values; the counterpart of a recipe's `parameters`. */
class CallContext implements TensorContext {
  readonly name: string;
  readonly seed: bigint;
  readonly random: "philox" | "torch-cpu";
  readonly base: number | undefined;
  readonly others: readonly number[];
  readonly count: number;
  readonly shape: readonly number[];
  readonly #method: Method;
  readonly #values: Call["values"];

  constructor(method: Method, call: Call, of: Tensor, models: number) {
    this.#method = method;
    this.#values = call.values;
    this.name = call.name;
    this.seed = call.seed;
    this.random = call.random ?? "philox";
    this.shape = of.shape;
    this.count = elementCount(of);
    const apart = method.base === "required" || method.base === "optional";
    const given = call.base !== undefined && method.base !== "ignored";
    this.base = given ? models : method.base === "among" ? 0 : undefined;
    this.others = Array.from({ length: given && !apart ? models + 1 : models }, (_, i) => i);
  }

  number(name: string): number | undefined {
    return this.#value(name, 0);
  }

  flag(name: string): boolean {
    return this.#value(name, 0) === 1;
  }

  numberOf(name: string, input: number): number | undefined {
    return this.#value(name, input);
  }

  #value(name: string, index: number): number | undefined {
    const spec = this.#method.parameters.find((each) => each.name === name);
    const given = this.#values[name] ?? spec?.default;
    const value = Array.isArray(given) ? given[index] : given;
    if (value === undefined) return absent(spec);
    if (typeof value !== "number" && typeof value !== "boolean") {
      throw new MergeError("ARGUMENT", `${name}: a number was expected, not a ${typeof value}`);
    }
    const number = Number(value);
    const low = spec?.min ?? Number.NEGATIVE_INFINITY;
    const high = spec?.max ?? Number.POSITIVE_INFINITY;
    const whole = spec?.type === "integer" ? Number.isInteger(number) : true;
    const flag = spec?.type === "boolean" ? number === 0 || number === 1 : true;
    const finite = Number.isFinite(Math.fround(number));
    if (finite && whole && flag && number >= low && number <= high) return number;
    throw new MergeError("OUT_OF_RANGE", `${name}: ${number} is outside its range`);
  }
}

/** A parameter without a value: weights count 1 here, other required ones must be given. */
function absent(spec: ParameterSpec | undefined): number | undefined {
  if (spec === undefined || spec.optional === true) return undefined;
  if (spec.name === "weight") return 1;
  throw new MergeError("MISSING_PARAMETER", `${spec.name}: a number was expected`);
}

/** Insists on the kinds of what every call has, for callers without types. */
function checkKinds({ models, options, name }: Call): void {
  if (!Array.isArray(models)) throw new MergeError("ARGUMENT", "models: a list was expected");
  if (typeof name !== "string") throw new MergeError("ARGUMENT", "name: a string was expected");
  if (options.dtype !== undefined) checkFloatDtype(options.dtype);
  checkSignal(options.signal);
}

function checkOptions(options: unknown): void {
  if (typeof options === "object" && options !== null) return;
  throw new MergeError("ARGUMENT", "options: an object was expected");
}

function checkLengths(call: Call): void {
  for (const [name, value] of Object.entries(call.values)) {
    if (!Array.isArray(value) || value.length === call.models.length) continue;
    const found = `${value.length} for ${call.models.length} models`;
    throw new MergeError(
      "ARGUMENT",
      `${name}: one value for each model was expected, not ${found}`,
    );
  }
}

function prepare(call: Call): Prepared<Tensor> {
  const method = METHODS.get(call.method);
  if (method === undefined) throw new MergeError("UNKNOWN_METHOD", `no method ${call.method}`);
  if (method.base === "required" && call.base === undefined) {
    throw new MergeError("BASE_MODEL", "base: a tensor was expected");
  }
  if (method.base === "among" && call.base !== undefined) {
    throw new MergeError("BASE_MODEL", `base: ${method.name} takes its base as the first tensor`);
  }
  checkKinds(call);
  const { min, max } = method.models;
  if (call.models.length < Math.max(min, 1) || call.models.length > max) {
    throw new MergeError(
      "MODEL_COUNT",
      `${method.name} does not take ${call.models.length} models`,
    );
  }
  checkLengths(call);
  const models = call.models.map((each, i) => asTensor(each, `model ${i}`));
  const all = call.base === undefined ? models : [...models, asTensor(call.base, "base")];
  sameShapes(all);
  const lead = call.base === undefined ? all[0] : all[all.length - 1];
  const result = emptyTensor(call.options.dtype ?? lead.dtype, lead.shape);
  const context = new CallContext(method, call, lead, models.length);
  const nothing: Operation = { op: "copy", input: 0 };
  const lowered = context.count === 0 ? nothing : method.lower(context);
  const operation = trimAlone(lowered, context.count);
  const inputs = all.map((each, source) => ({ source, offset: 0, dtype: each.dtype }));
  const converts = operation.op === "copy" && inputs[operation.input].dtype !== result.dtype;
  const step = {
    tensor: call.name,
    dtype: result.dtype,
    count: context.count,
    output: 0,
    offset: 0,
    inputs,
    operation: converts
      ? {
          op: "linear" as const,
          inputs: [operation.input],
          weights: [1],
          divisor: null,
          mean: false,
        }
      : operation,
  };
  const places = (tensors: readonly Tensor[]) => tensors.map((t) => ({ memory: bytesOf(t) }));
  return {
    work: { sources: places(all), outputs: places([result]), steps: [step] },
    backend: chooseBackend(call.options.backend, call.options.device),
    options: readingOptions(call.options),
    result,
  };
}

function present(result: Tensor, like: TensorLike): TensorLike {
  const plain = like instanceof Float32Array && result.dtype === "F32";
  return plain ? (result.data as Float32Array) : result;
}

function computeSync(call: Call): TensorLike {
  const { work, backend, options, result } = prepare(call);
  backend.executeSync(work, options);
  return present(result, call.models[0]);
}

async function compute(call: Call): Promise<TensorLike> {
  const { work, backend, options, result } = prepare(call);
  await backend.execute(work, options);
  return present(result, call.models[0]);
}

/** Weighted average of any number of tensors. */
function linearCall(models: readonly TensorLike[], options: LinearOptions = {}): Call {
  checkOptions(options);
  const { weight, normalize } = options;
  return { method: "linear", models, values: { weight, normalize }, seed: 0n, name: "", options };
}

function slerpCall(a: TensorLike, b: TensorLike, options: SlerpOptions): Call {
  if (typeof options?.t !== "number") throw new MergeError("ARGUMENT", "t: a number was expected");
  return { method: "slerp", models: [a, b], values: { t: options.t }, seed: 0n, name: "", options };
}

function taskCall(method: string, models: readonly TensorLike[], options: DareOptions): Call {
  if (options?.base === undefined)
    throw new MergeError("BASE_MODEL", "base: a tensor was expected");
  const { base, weight, density, normalize, rescale, lambda } = options;
  const values = { weight, density, normalize, rescale, lambda };
  const seed = chooseSeed(options.seed);
  return { method, base, models, values, seed, name: options.name ?? "", options };
}

function generalCall(
  method: string,
  models: readonly TensorLike[],
  options: MergeTensorsOptions = {},
): Call {
  checkOptions(options);
  const { base, parameters: values = {}, name = "" } = options;
  const random = chooseRandom(options.random);
  const known = METHODS.get(method)?.parameters.map((each) => each.name) ?? [];
  for (const given of Object.keys(values)) {
    if (known.includes(given)) continue;
    throw new MergeError("UNKNOWN_KEY", `${method} has no parameter ${given}`);
  }
  return { method, base, models, values, seed: chooseSeed(options.seed), random, name, options };
}

function dareName(options: DareOptions): string {
  return options?.ties === true ? "dare_ties" : "dare_linear";
}

/** Joins the two forms: call it for the result now, or `.async` for a promise of it. */
function forms<F>(callOf: (...args: never[]) => Call): F {
  const of = callOf as (...args: unknown[]) => Call;
  const now = (...args: unknown[]) => computeSync(of(...args));
  // Argument errors become rejections, as callers of a promise form expect.
  return Object.assign(now, { async: async (...args: unknown[]) => compute(of(...args)) }) as F;
}

/**
 * Weighted average: Σ wᵢ·xᵢ [/ Σ wᵢ]. Float32Arrays in give a Float32Array, tensors a tensor.
 * @example linear([a, b], { weight: [0.7, 0.3] })
 */
export const linear: LinearFunction = forms(linearCall);

/**
 * Spherical interpolation from `a` (t = 0) to `b` (t = 1).
 * @example slerp(a, b, { t: 0.5 })
 */
export const slerp: SlerpFunction = forms(slerpCall);

/**
 * Task arithmetic: base + λ·Σ wᵢ·(xᵢ − base).
 * @example taskArithmetic([a, b], { base, weight: [0.6, 0.4] })
 */
export const taskArithmetic: TaskFunction<TaskArithmeticOptions> = forms(
  (models: readonly TensorLike[], options: TaskArithmeticOptions) =>
    taskCall("task_arithmetic", models, options),
);

/**
 * TIES: trim each delta, elect a sign for each element, combine what agrees.
 * @example ties([a, b], { base, density: 0.5 })
 */
export const ties: TaskFunction<TiesOptions> = forms(
  (models: readonly TensorLike[], options: TiesOptions) => taskCall("ties", models, options),
);

/**
 * DARE: drop delta elements at random, then add (or, with `ties`, elect signs and combine).
 * @example dare([a, b], { base, density: 0.5, seed: 7 })
 */
export const dare: TaskFunction<DareOptions> = forms(
  (models: readonly TensorLike[], options: DareOptions) =>
    taskCall(dareName(options), models, options),
);

/**
 * Any method by its name, with its parameters as in a recipe.
 * @example mergeTensors("karcher", [a, b, c], { parameters: { max_iter: 20 } })
 */
export const mergeTensors: MergeFunction = forms(generalCall);
