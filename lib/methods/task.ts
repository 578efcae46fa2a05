/** What the methods of the task-arithmetic family share: their parameters and their lowering. */
import { MergeError } from "../errors.ts";
import { xxh64 } from "../format/xxh64.ts";
import type { Operation, Sparsify } from "../plan/types.ts";
import type { Method, ParameterSpec, TensorContext } from "./types.ts";
import { sumOfWeights } from "./weights.ts";

/** The slots that a member of the family fills. */
export interface TaskForm {
  name: string;
  title: string;
  source: string;
  sparsify: Sparsify["kind"];
  consensus: boolean;
  normalize: boolean;
  rescale: boolean;
}

function flag(name: string, value: boolean, about: string): ParameterSpec {
  return { name, scope: "global", type: "boolean", default: value, about };
}

/** Parameters that only one way to sparsify has. */
const OF_SPARSIFY: Readonly<Record<Sparsify["kind"], readonly ParameterSpec[]>> = {
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

function parameters(form: TaskForm): ParameterSpec[] {
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
    flag("rescale", form.rescale, "Restore the L1 norm that a delta lost by sparsification."),
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

/** Elements to keep as mergekit counts them, but never none. */
function magnitude(density: number, tensor: TensorContext): Sparsify {
  if (density > 0) {
    return { kind: "magnitude", keep: Math.max(1, Math.floor(density * tensor.count)) };
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
function outliers(density: number, gamma: number, { count }: TensorContext): Sparsify {
  const keep = density > 0 ? Math.max(Math.floor(density * count), 1) : 0;
  return { kind: "outliers", top: Math.min(Math.floor(gamma * count), count - keep), keep };
}

function rank(density: number, epsilon: number, model: number): Sparsify {
  if (density === 0) return { kind: "random", threshold: 0, model };
  if (density - epsilon <= 0 || density + epsilon >= 1) {
    const found = `density ${density} and epsilon ${epsilon}`;
    throw new MergeError("OUT_OF_RANGE", `${found} give probabilities outside (0, 1)`, {
      hint: "density - epsilon must be above 0 and density + epsilon below 1",
    });
  }
  const low = Math.fround(density - epsilon);
  return { kind: "rank", low, spread: Math.fround(2 * epsilon), model };
}

function sparsifyOf(form: TaskForm, tensor: TensorContext, input: number, model: number): Sparsify {
  const density = tensor.numberOf("density", input) as number;
  if (density >= 1) return { kind: "none" };
  switch (form.sparsify) {
    case "none":
      return { kind: "none" };
    case "magnitude":
      return magnitude(density, tensor);
    case "random":
      return random(density, tensor, model);
    case "outliers":
      return outliers(density, tensor.numberOf("gamma", input) as number, tensor);
    case "rank":
      return rank(density, tensor.numberOf("epsilon", input) as number, model);
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
  return {
    op: "task",
    base,
    inputs: present.map(({ input }) => input),
    weights,
    sparsify,
    rescale: tensor.flag("rescale") && sparsify.some(({ kind }) => kind !== "none"),
    factors: weights.map(() => 1),
    consensus: form.consensus,
    normalize: tensor.flag("normalize"),
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
