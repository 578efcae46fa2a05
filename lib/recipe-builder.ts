/** Recipes made by functions, one for each method, whose parameters an editor can complete. */
import { MergeError } from "./errors.ts";
import { METHODS } from "./methods/index.ts";
import type { Method } from "./methods/types.ts";
import type { MethodName, ModelEntry, RecipeObject, Setting, Settings } from "./recipe-object.ts";

/** A value for all tensors, a gradient over the layers, or values by tensor name. */
type Varying<T> = T | readonly T[] | readonly { filter?: string; value: T | readonly T[] }[];

/** What a model's part in the merge is scaled by. Default 1. */
interface Weighed {
  weight?: Varying<number>;
}

/** Parameters of the models of a task-arithmetic merge. */
interface Task extends Weighed {
  /** Share of the delta's elements to keep, from 0; 1 or more keeps all. Default 1. */
  density?: Varying<number>;
}

interface Outliers extends Task {
  /** Share of the largest elements to drop. Default 0.01. */
  gamma?: Varying<number>;
}

interface Ranked extends Task {
  /** Keep probability from density − epsilon to density + epsilon. Default 0.15. */
  epsilon?: Varying<number>;
}

/** Parameters of the whole of a task-arithmetic merge. */
interface OnBase {
  /** Divide by the weights that take part. Default: true for `ties` and `della`. */
  normalize?: Varying<boolean>;
  /** Factor on the combined deltas. Default 1. */
  lambda?: Varying<number>;
  /** Accepted as mergekit does; without effect. */
  int8_mask?: Varying<boolean>;
}

interface Rescaled extends OnBase {
  /** Restore the L1 norm of what is left. Default false. */
  rescale?: Varying<boolean>;
}

interface Random extends OnBase {
  /** Restore the L1 norm, or divide by the keep probability. Default true. */
  rescale?: Varying<boolean | "inverse-density">;
  /** `paper`: as the paper has it, where it and mergekit differ. Default `mergekit`. */
  variant?: Varying<"mergekit" | "paper">;
}

interface Trimmed<Scope extends string> extends Rescaled {
  variant?: Varying<"mergekit" | "paper">;
  /** What `density` is a share of. */
  density_scope?: Varying<Scope>;
}

type NoParameters = object;

/** Parameters by method: of each model, and of the whole. */
export interface MethodParameters {
  linear: [model: Weighed, whole: { normalize?: Varying<boolean> }];
  /** `t`: 0 is the base, 1 the other model. */
  slerp: [model: NoParameters, whole: { t: Varying<number> }];
  nuslerp: [
    model: Weighed,
    whole: { nuslerp_flatten?: Varying<boolean>; nuslerp_row_wise?: Varying<boolean> },
  ];
  multislerp: [
    model: Weighed,
    whole: { normalize_weights?: Varying<boolean>; eps?: Varying<number> },
  ];
  karcher: [model: NoParameters, whole: { max_iter?: Varying<number>; tol?: Varying<number> }];
  passthrough: [model: { scale?: Varying<number> }, whole: NoParameters];
  task_arithmetic: [model: Task, whole: Rescaled];
  ties: [
    model: Task,
    whole: Trimmed<"tensor" | "row" | "model"> & { divisor?: Varying<"weights" | "count"> },
  ];
  dare_linear: [model: Task, whole: Random];
  dare_ties: [model: Task, whole: Random];
  breadcrumbs: [model: Outliers, whole: Trimmed<"tensor" | "row">];
  breadcrumbs_ties: [model: Outliers, whole: Trimmed<"tensor" | "row">];
  della: [model: Ranked, whole: Random];
  della_linear: [model: Ranked, whole: Random];
  model_stock: [model: NoParameters, whole: { filter_wise?: Varying<boolean> }];
  nearswap: [model: NoParameters, whole: { t: Varying<number> }];
  arcee_fusion: [model: NoParameters, whole: NoParameters];
  sce: [
    model: NoParameters,
    whole: { select_topk?: Varying<number>; int8_mask?: Varying<boolean> },
  ];
  ram: [model: NoParameters, whole: { epsilon?: Varying<number> }];
  ramplus_tl: [
    model: NoParameters,
    whole: { r?: Varying<number>; alpha?: Varying<number>; epsilon?: Varying<number> },
  ];
}

/** Methods without a base model. */
type Baseless = "linear" | "passthrough" | "karcher";
/** Methods that can do without one; the base of `slerp` is by default the first model. */
type BaseOptional = "slerp" | "nuslerp" | "multislerp";

type BaseOf<M extends MethodName> = M extends Baseless
  ? NoParameters
  : M extends BaseOptional
    ? { base?: string }
    : { base: string };

type Whole = Pick<
  RecipeObject,
  | "dtype"
  | "out_dtype"
  | "tokenizer_source"
  | "chat_template"
  | "on_missing"
  | "on_mismatch"
  | "embedding_rows"
>;

/**
 * What a builder takes: models as paths or with their parameters, parameters of the whole, and
 * parameters of models for all that give none of their own.
 */
export type Ingredients<M extends MethodName> = Whole &
  BaseOf<M> &
  MethodParameters[M][0] &
  MethodParameters[M][1] & {
    models: readonly (string | ({ model: string } & MethodParameters[M][0]))[];
  };

type Loose = Readonly<Record<string, unknown>> & {
  models: readonly (string | (Readonly<Record<string, unknown>> & { model: string }))[];
};

/** The values among `from` that are parameters, and which keys are none. */
function parametersOf(from: Readonly<Record<string, unknown>>, names: ReadonlySet<string>) {
  const parameters: Record<string, Setting> = {};
  const rest: string[] = [];
  for (const [key, value] of Object.entries(from)) {
    if (value === undefined) continue;
    if (names.has(key)) parameters[key] = value as Setting;
    else rest.push(key);
  }
  return { parameters: parameters as Settings, rest };
}

const WHOLE: ReadonlySet<string> = new Set([
  "models",
  "base",
  "dtype",
  "out_dtype",
  "tokenizer_source",
  "chat_template",
  "on_missing",
  "on_mismatch",
  "embedding_rows",
]);

function refuseUnknown(where: string, keys: readonly string[], known: Iterable<string>): void {
  if (keys.length === 0) return;
  throw new MergeError("UNKNOWN_KEY", `${where} has no parameter ${keys.join(", ")}`, {
    hint: `it has ${[...known].join(", ")}`,
  });
}

function entryOf(
  given: Loose["models"][number],
  method: Method,
  names: ReadonlySet<string>,
): ModelEntry {
  if (typeof given === "string") return { model: given };
  const { model, ...rest } = given;
  const { parameters, rest: unknown } = parametersOf(rest, names);
  refuseUnknown(`a model of ${method.name}`, unknown, names);
  return Object.keys(parameters).length === 0 ? { model } : { model, parameters };
}

function build(method: Method, given: Loose): RecipeObject {
  const all = new Set(method.parameters.map(({ name }) => name));
  const ofModels = method.parameters.filter(({ scope }) => scope === "model");
  const names = new Set(ofModels.map(({ name }) => name));
  const { parameters, rest } = parametersOf(given, all);
  const unknown = rest.filter((key) => !WHOLE.has(key));
  refuseUnknown(method.name, unknown, all);
  const models = given.models.map((each) => entryOf(each, method, names));
  const base = given.base ?? (method.base === "among" ? models[0]?.model : undefined);
  const weighs = names.has("weight") && parameters.weight === undefined;
  const bare = weighs && models.some((each) => each.parameters?.weight === undefined);
  const whole = bare ? { weight: 1, ...parameters } : parameters;
  const others = Object.entries(given).filter(([key, value]) => {
    return value !== undefined && !all.has(key) && key !== "models" && key !== "base";
  });
  return {
    merge_method: method.name,
    ...(base === undefined ? {} : { base_model: base as string }),
    models,
    ...(Object.keys(whole).length === 0 ? {} : { parameters: whole }),
    ...Object.fromEntries(others),
  };
}

/** Builders of recipes, by method. */
export type RecipeBuilders = {
  readonly [M in MethodName]: (ingredients: Ingredients<M>) => RecipeObject;
};

/**
 * Builds a recipe by its method: parameters of models beside the model or for all of them, those of
 * the whole beside the models, weights 1 where none is given, and for `slerp` the first model as
 * base. What it returns is the object that `merge` and `plan` take.
 * @throws MergeError UNKNOWN_KEY for a parameter that the method does not have
 * @example
 * const mixed = recipe.ties({
 *   base: "models/base",
 *   models: ["models/a", { model: "models/b", weight: 0.5 }],
 *   density: 0.3,
 *   dtype: "bfloat16",
 * });
 * await merge(mixed, { out: "mixed" });
 */
export const recipe: RecipeBuilders = Object.fromEntries(
  [...METHODS.values()].map((method) => [method.name, (given: Loose) => build(method, given)]),
) as unknown as RecipeBuilders;
