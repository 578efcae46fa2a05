/** What the methods of the task-arithmetic family share: their parameters and their lowering. */
import { MergeError } from "../errors.ts";
import { xxh64 } from "../format/xxh64.ts";
import { keepOf } from "../plan/trims.ts";
import type { Operation, Sparsify } from "../plan/types.ts";
import type { Method, ParameterSpec, TensorContext } from "./types.ts";
import { sumOfWeights } from "./weights.ts";

/** Ways to thin a delta; what is selected per row or over the model are scopes of the same. */
type Sparsification = Exclude<Sparsify["kind"], "row" | "global">;

/** The slots that a member of the family fills. */
export interface TaskForm {
  name: string;
  title: string;
  source: string;
  sparsify: Sparsification;
  consensus: boolean;
  normalize: boolean;
  rescale: boolean;
}

function flag(name: string, value: boolean, about: string): ParameterSpec {
  return { name, scope: "global", type: "boolean", default: value, about };
}

/** `true` restores the L1 norm; `inverse-density` divides by the keep probability. */
const RESCALES = { min: 0, max: 2, words: { "inverse-density": 2 } } as const;

/** Parameters that only one way to sparsify has. */
const OF_SPARSIFY: Readonly<Record<Sparsification, readonly ParameterSpec[]>> = {
  none: [],
  magnitude: [],
  random: [],
  outliers: [
    {
      name: "gamma",
      scope: "model",
      type: "number",
      default: 0.01,
      min: 0,
      about: "Share of the largest elements to drop as outliers.",
    },
  ],
  rank: [
    {
      name: "epsilon",
      scope: "model",
      type: "number",
      default: 0.15,
      min: 0,
      about:
        "The keep probability grows with the rank from density - epsilon to density + epsilon.",
    },
  ],
};

/** Switches between mergekit's meaning, the default, and the paper's, where the two differ. */
const VARIANTS: Readonly<Record<Sparsification, readonly ParameterSpec[]>> = {
  none: [],
  magnitude: [
    variantOf("density_scope: model and divisor: count"),
    word(
      "density_scope",
      { tensor: 0, row: 1, model: 2 },
      "Trim each tensor, each row of it, or the model as a whole to density.",
    ),
    word("divisor", { weights: 0, count: 1 }, "Normalize by the agreeing weights or their number."),
  ],
  random: [variantOf("rescale: inverse-density")],
  outliers: [
    variantOf("density_scope: row"),
    word("density_scope", { tensor: 0, row: 1 }, "Mask each tensor, or each row of it."),
  ],
  rank: [variantOf("rescale: inverse-density")],
};

/** A switch; the first word is its value unless the variant says otherwise. */
function word(name: string, words: Readonly<Record<string, number>>, about: string): ParameterSpec {
  const max = Object.keys(words).length - 1;
  return { name, scope: "global", type: "integer", optional: true, min: 0, max, words, about };
}

function variantOf(means: string): ParameterSpec {
  const words = { mergekit: 0, paper: 1 };
  const about = `paper stands for ${means}, where these are not given.`;
  return {
    name: "variant",
    scope: "global",
    type: "integer",
    default: 0,
    min: 0,
    max: 1,
    words,
    about,
  };
}

/** Which elements a density is a share of. */
type Scope = "tensor" | "row" | "model";

const SCOPES: readonly Scope[] = ["tensor", "row", "model"];

/** Value of a switch: as given, or else what the variant stands for. */
function switchOf(form: TaskForm, tensor: TensorContext, name: string, paper: number): number {
  const known = VARIANTS[form.sparsify].some((each) => each.name === name);
  if (!known) return 0;
  return tensor.number(name) ?? (tensor.number("variant") === 1 ? paper : 0);
}

function scopeOf(form: TaskForm, tensor: TensorContext): Scope {
  const paper: Scope = form.sparsify === "magnitude" ? "model" : "row";
  return SCOPES[switchOf(form, tensor, "density_scope", SCOPES.indexOf(paper))];
}

/** 0 none, 1 restore the L1 norm, 2 divide by the keep probability. */
function rescaleOf(form: TaskForm, tensor: TensorContext): number {
  const paper = form.sparsify === "random" || form.sparsify === "rank";
  if (paper && tensor.number("variant") === 1) return 2;
  return tensor.number("rescale") as number;
}

function parameters(form: TaskForm): ParameterSpec[] {
  const random = form.sparsify === "random" || form.sparsify === "rank";
  const rescale = flag("rescale", form.rescale, "Restore the L1 norm that sparsification took.");
  return [
    { name: "weight", scope: "model", type: "number", about: "Factor on the model's delta." },
    {
      name: "density",
      scope: "model",
      type: "number",
      default: 1,
      min: 0,
      about: "Share of the delta's elements to keep; 1 or more keeps all.",
    },
    ...OF_SPARSIFY[form.sparsify],
    flag("normalize", form.normalize, "Divide by the sum of the weights that take part."),
    random ? { ...rescale, type: "integer", default: Number(form.rescale), ...RESCALES } : rescale,
    ...VARIANTS[form.sparsify],
    {
      name: "lambda",
      scope: "global",
      type: "number",
      default: 1,
      about: "Factor on the combined delta.",
    },
    flag("int8_mask", false, "Accepted and ignored: masks take one bit here."),
  ];
}

/** Philox key of a tensor: XXH64 of the output's name, seeded with the merge's seed. */
export function philoxKey(seed: bigint, name: string): [number, number] {
  const wide = BigInt.asUintN(64, seed);
  const words = [Number(wide >> 32n), Number(wide & 0xffffffffn)] as const;
  const [high, low] = xxh64(new TextEncoder().encode(name), words);
  return [low, high];
}

function magnitude(density: number, tensor: TensorContext, scope: Scope): Sparsify {
  if (density > 0) {
    if (scope === "model") return { kind: "global", density, trim: 0, first: 0 };
    const size = scope === "row" ? rowWidth(tensor.shape) : tensor.count;
    const keep = keepOf(density, size);
    return scope === "row" ? { kind: "row", top: 0, keep } : { kind: "magnitude", keep };
  }
  throw new MergeError("OUT_OF_RANGE", `density 0 trims all of ${tensor.name}`, {
    hint: "give a density above 0, or leave the model out",
  });
}

/** torch compares 24 random bits with a binary32 probability, Philox 32 bits with a binary64 one. */
function random(density: number, tensor: TensorContext, model: number): Sparsify {
  if (tensor.random === "torch-cpu") {
    return { kind: "random", threshold: Math.ceil(Math.fround(density) * 2 ** 24), model };
  }
  const threshold = Math.round(density * 2 ** 32);
  return threshold >= 2 ** 32 ? { kind: "none" } : { kind: "random", threshold, model };
}

/** target = floor(density·n) are kept below the floor(gamma·n) largest, which give way if need be. */
function outliers(
  density: number,
  gamma: number,
  { count, shape }: TensorContext,
  scope: Scope,
): Sparsify {
  const rows = scope === "row";
  const size = rows ? rowWidth(shape) : count;
  const keep = density > 0 ? Math.max(Math.floor(density * size), 1) : 0;
  const top = Math.min(Math.floor(gamma * size), size - keep);
  return { kind: rows ? "row" : "outliers", top, keep };
}

function rank(density: number, epsilon: number, model: number, inverse: boolean): Sparsify {
  if (density === 0) return { kind: "random", threshold: 0, model };
  if (density - epsilon <= 0 || density + epsilon >= 1) {
    const found = `density ${density} and epsilon ${epsilon}`;
    throw new MergeError("OUT_OF_RANGE", `${found} give probabilities outside (0, 1)`, {
      hint: "density - epsilon must be above 0 and density + epsilon below 1",
    });
  }
  const low = Math.fround(density - epsilon);
  return { kind: "rank", low, spread: Math.fround(2 * epsilon), model, inverse };
}

function sparsifyOf(form: TaskForm, tensor: TensorContext, input: number, model: number): Sparsify {
  const density = tensor.numberOf("density", input) as number;
  if (density >= 1) return { kind: "none" };
  const scope = scopeOf(form, tensor);
  switch (form.sparsify) {
    case "none":
      return { kind: "none" };
    case "magnitude":
      return magnitude(density, tensor, scope);
    case "random":
      return random(density, tensor, model);
    case "outliers":
      return outliers(density, tensor.numberOf("gamma", input) as number, tensor, scope);
    case "rank":
      return rank(
        density,
        tensor.numberOf("epsilon", input) as number,
        model,
        rescaleOf(form, tensor) === 2,
      );
  }
}

/** Elements of a row, for ranks: the last axis; a vector is one row, as is a scalar. */
export function rowWidth(shape: readonly number[]): number {
  return shape.length === 0 ? 1 : shape[shape.length - 1];
}

function lower(form: TaskForm, tensor: TensorContext): Operation {
  const base = tensor.base as number;
  const models = tensor.others.map((input, model) => ({
    input,
    weight: Math.fround(tensor.numberOf("weight", input) as number),
    sparsify: sparsifyOf(form, tensor, input, model),
  }));
  const torch = tensor.random === "torch-cpu" && models.some(({ sparsify }) => draws(sparsify));
  // A weight of 0 means absence, but in torch's stream an absent model still draws.
  const present = torch ? models : models.filter(({ weight }) => weight !== 0);
  const lambda = Math.fround(tensor.number("lambda") as number);
  if (present.length === 0 || (lambda === 0 && !torch)) return { op: "copy", input: base };
  const weights = present.map(({ weight }) => weight);
  const sum = sumOfWeights(weights);
  const sparsify = present.map((each) => each.sparsify);
  const rescale = rescaleOf(form, tensor);
  const byCount = form.consensus && switchOf(form, tensor, "divisor", 1) === 1;
  return {
    op: "task",
    base,
    inputs: present.map(({ input }) => input),
    weights,
    sparsify,
    rescale: rescale === 1 && sparsify.some(({ kind }) => kind !== "none"),
    factors: present.map(({ input, sparsify: { kind } }) => {
      const inverse = rescale === 2 && kind === "random";
      const density = tensor.numberOf("density", input) as number;
      return inverse && density > 0 ? Math.fround(1 / density) : 1;
    }),
    consensus: form.consensus,
    normalize: tensor.flag("normalize") ? (byCount ? "count" : "weights") : false,
    divisor: Math.abs(sum) < 1e-8 ? 1 : sum,
    lambda,
    key: sparsify.some(draws) ? philoxKey(tensor.seed, tensor.name) : [0, 0],
    torch: torch ? { seed: Number(BigInt.asUintN(32, tensor.seed)), offset: 0 } : null,
    width: rowWidth(tensor.shape),
  };
}

/** Whether a model's mask takes one random word for every element. */
export function draws({ kind }: Sparsify): boolean {
  return kind === "random" || kind === "rank";
}

/** Declares a member of the family. */
export function taskMethod(form: TaskForm): Method {
  return {
    name: form.name,
    title: form.title,
    source: form.source,
    base: "required",
    models: { min: 0, max: 255 },
    parameters: parameters(form),
    lower: (tensor) => lower(form, tensor),
  };
}
