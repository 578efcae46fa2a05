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
  sparsify: "none" | "magnitude" | "random";
  consensus: boolean;
  normalize: boolean;
  rescale: boolean;
}

function parameters(form: TaskForm): ParameterSpec[] {
  const flag = (name: string, value: boolean, about: string): ParameterSpec => ({
    name,
    scope: "global",
    type: "boolean",
    default: value,
    about,
  });
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

function sparsifyOf(form: TaskForm, density: number, tensor: TensorContext, model: number): Sparsify {
  if (form.sparsify === "none" || density >= 1) return { kind: "none" };
  if (form.sparsify === "random") {
    const threshold = Math.round(density * 2 ** 32);
    return threshold >= 2 ** 32 ? { kind: "none" } : { kind: "random", threshold, model };
  }
  if (density <= 0) {
    throw new MergeError("OUT_OF_RANGE", `density 0 trims all of ${tensor.name}`, {
      hint: "give a density above 0, or leave the model out",
    });
  }
  return { kind: "magnitude", keep: Math.max(1, Math.floor(density * tensor.count)) };
}

function lower(form: TaskForm, tensor: TensorContext): Operation {
  const base = tensor.base as number;
  const models = tensor.others.map((input, model) => ({
    input,
    weight: Math.fround(tensor.numberOf("weight", input) as number),
    density: tensor.numberOf("density", input) as number,
    model,
  }));
  const present = models.filter(({ weight }) => weight !== 0);
  const lambda = Math.fround(tensor.number("lambda") as number);
  if (present.length === 0 || lambda === 0) return { op: "copy", input: base };
  const weights = present.map(({ weight }) => weight);
  const sum = sumOfWeights(weights);
  const sparsify = present.map((m) => sparsifyOf(form, m.density, tensor, m.model));
  const random = sparsify.some(({ kind }) => kind === "random");
  return {
    op: "task",
    base,
    inputs: present.map(({ input }) => input),
    weights,
    sparsify,
    rescale: tensor.flag("rescale") && sparsify.some(({ kind }) => kind !== "none"),
    consensus: form.consensus,
    normalize: tensor.flag("normalize"),
    divisor: Math.abs(sum) < 1e-8 ? 1 : sum,
    lambda,
    key: random ? philoxKey(tensor.seed, tensor.name) : [0, 0],
  };
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
