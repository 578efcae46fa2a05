/**
 * Tensors at the edges of what a merge can meet, for every method of the table: both backends give
 * equal bits, and finite inputs give no NaN. A method that joins the table is covered by itself.
 */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mergeTensors } from "../../lib/arrays.ts";
import type { FloatDtype } from "../../lib/format/dtype.ts";
import { merge } from "../../lib/merge.ts";
import { METHODS } from "../../lib/methods/index.ts";
import type { Method } from "../../lib/methods/types.ts";
import type { MethodName, RecipeObject, Settings } from "../../lib/recipe-object.ts";
import { bitsOf, decode, encode } from "../../lib/reference/codec.ts";
import { bytesOf, elementCount, emptyTensor, type Tensor, tensor } from "../../lib/tensor.ts";
import { BACKENDS } from "../backends.ts";
import { makeModel, type Tensors, tensorContent, useFolder } from "../make.ts";
import { Random } from "../parity/values.ts";

type Parameters = Readonly<Record<string, number | boolean | readonly number[]>>;

/** Values of the parameters that have no default. */
const REQUIRED: Parameters = { weight: 1, t: 0.35 };
/** Values with which parameters have an effect; others keep their defaults. */
const BUSY: Parameters = {
  weight: [0.6, 0.4, 0.3],
  t: 0.35,
  density: 0.5,
  gamma: 0.1,
  lambda: 0.7,
  scale: 0.5,
  select_topk: 0.5,
};

function pick({ parameters }: Method, from: Parameters): Parameters {
  const names = parameters.map(({ name }) => name).filter((name) => name in from);
  return Object.fromEntries(names.map((name) => [name, from[name]]));
}

/** Defaults; busy values; busy values with each flag turned over, and with all of them. */
function variantsOf(method: Method): Parameters[] {
  const busy = pick(method, BUSY);
  const flags = method.parameters.filter(({ name, type }) => {
    return type === "boolean" && name !== "int8_mask";
  });
  const turned = flags.map(({ name, default: value }) => ({ [name]: value !== true }));
  const all = Object.assign({}, ...turned);
  const some = turned.length > 1 ? [...turned, all] : turned;
  return [pick(method, REQUIRED), busy, ...some.map((each) => ({ ...busy, ...each }))];
}

interface Form {
  models: number;
  base: boolean;
}

const BASES: Readonly<Record<Method["base"], readonly boolean[]>> = {
  required: [true],
  optional: [false, true],
  participant: [false, true],
  among: [false],
  ignored: [false],
};

/** One, two and three models, with and without a base, as the method allows. */
function formsOf({ base, models }: Method): Form[] {
  const counts = [1, 2, 3].filter((count) => count >= models.min && count <= models.max);
  return BASES[base].flatMap((each) => counts.map((count) => ({ models: count, base: each })));
}

const LARGEST: Readonly<Record<string, number>> = {
  F32: 2 ** 128 - 2 ** 104,
  F16: 65504,
  BF16: 2 ** 128 - 2 ** 120,
};
const SMALLEST: Readonly<Record<string, number>> = {
  F32: 2 ** -149,
  F16: 2 ** -24,
  BF16: 2 ** -133,
};

/** Large values whose deltas, weighted and rescaled, stay within the range of binary32. */
function huge(dtype: FloatDtype): number {
  return dtype === "F16" ? LARGEST.F16 : LARGEST[dtype] / 256;
}

type Fill = (at: { i: number; tensor: number; random: Random; dtype: FloatDtype }) => number;

function sign(random: Random): number {
  return random.word() % 2 === 0 ? 1 : -1;
}

/** Values of a tensor by name; the base is tensor 0, the models follow. */
const FILLS: Readonly<Record<string, Fill>> = {
  random: ({ random }) => random.number(),
  constant: ({ tensor }) => tensor / 4,
  zero: () => 0,
  "minus zero": () => -0,
  "one zero model": ({ tensor, random }) => (tensor === 1 ? 0 : random.number()),
  "zero base": ({ tensor, random }) => (tensor === 0 ? 0 : random.number()),
  "tied magnitudes": ({ tensor, random }) => (tensor === 0 ? 0 : sign(random) / 4),
  antipodal: ({ i, tensor }) => (tensor === 0 ? 0 : opposite(tensor) * (i + 1)),
  "antipodal around a base": ({ i, tensor }) =>
    i / 4 + (tensor === 0 ? 0 : opposite(tensor) * (1 + (i % 3))),
  huge: ({ random, dtype }) => huge(dtype) * sign(random),
  "huge and antipodal": ({ tensor, dtype }) => (tensor === 0 ? 0 : huge(dtype) * opposite(tensor)),
  denormal: ({ random, dtype }) => SMALLEST[dtype] * ((random.word() % 7) - 3),
};

function opposite(tensor: number): number {
  return tensor % 2 === 0 ? -1 : 1;
}

const SHAPES: readonly (readonly number[])[] = [
  [],
  [0],
  [3, 0],
  [1],
  [7, 1],
  [1, 7],
  [37],
  [4, 6],
  [2, 3, 5],
  [2, 1, 3],
  [1, 5, 1],
];
const NAMED = SHAPES.map((shape) => ({ shape, name: `[${shape.join(", ")}]` }));
const DTYPES: readonly FloatDtype[] = ["F32", "F16", "BF16"];

function makeTensor(
  dtype: FloatDtype,
  shape: readonly number[],
  tensor: number,
  fill: Fill,
): Tensor {
  const made = emptyTensor(dtype, shape);
  const random = new Random(tensor + 11);
  for (let k = 0; k < 4; k++) random.word();
  const count = elementCount(made);
  const values = Array.from({ length: count }, (_, i) => fill({ i, tensor, random, dtype }));
  encode(dtype, Uint32Array.from(values, bitsOf), bytesOf(made), 0);
  return made;
}

/** The base, then the models. */
function makeTensors(
  { models }: Form,
  dtype: FloatDtype,
  shape: readonly number[],
  fill: Fill,
): Tensor[] {
  return Array.from({ length: models + 1 }, (_, i) => makeTensor(dtype, shape, i, fill));
}

function run(
  name: string,
  { base }: Form,
  [origin, ...models]: readonly Tensor[],
  parameters: Parameters,
  backend: "native" | "reference",
): Tensor {
  const weights = parameters.weight;
  const weight = Array.isArray(weights) ? { weight: weights.slice(0, models.length) } : {};
  return mergeTensors(name, models, {
    ...(base ? { base: origin } : {}),
    parameters: { ...parameters, ...weight },
    backend,
    threads: 1,
  }) as Tensor;
}

function hasNan(of: Tensor): boolean {
  const bits = new Uint32Array(elementCount(of));
  decode(of.dtype, bytesOf(of), 0, bits);
  return bits.some((each) => (each & 0x7fffffff) > 0x7f800000);
}

function sameBytes(a: Tensor, b: Tensor): boolean {
  return Buffer.compare(bytesOf(a), bytesOf(b)) === 0;
}

/** What a method does in every form and variant with tensors made for the form. */
interface Run {
  what: string;
  parameters: Parameters;
  tensors: readonly Tensor[];
  native: Tensor;
  reference: Tensor;
}

function* runs(method: Method, make: (form: Form) => Tensor[]): Generator<Run> {
  for (const form of formsOf(method)) {
    const tensors = make(form);
    for (const parameters of variantsOf(method)) {
      const native = run(method.name, form, tensors, parameters, BACKENDS[0]);
      const reference = run(method.name, form, tensors, parameters, "reference");
      const what = `${JSON.stringify(form)} ${JSON.stringify(parameters)}`;
      yield { what, parameters, tensors, native, reference };
    }
  }
}

/** What is wrong with a method on finite tensors. */
function faults(method: Method, dtype: FloatDtype, shape: readonly number[], fill: Fill): string[] {
  const wrong: string[] = [];
  for (const { what, native, reference } of runs(method, (form) =>
    makeTensors(form, dtype, shape, fill),
  )) {
    if (!sameBytes(native, reference)) wrong.push(`the backends differ: ${what}`);
    if (native.shape.join() !== shape.join()) wrong.push(`another shape: ${what}`);
    if (native.dtype !== dtype) wrong.push(`another dtype: ${what}`);
    if (hasNan(native)) wrong.push(`NaN is born: ${what}`);
  }
  return wrong;
}

/** What of the law "merging identical models, base too, gives that model" does not hold. */
function unlike(method: Method, dtype: FloatDtype, shape: readonly number[], fill: Fill): string[] {
  const one = makeTensor(dtype, shape, 1, fill);
  const same = ({ models }: Form) => new Array<Tensor>(models + 1).fill(one);
  return [...runs(method, same)]
    .filter(({ parameters, native }) => isMean(parameters) && !sameBytes(native, one))
    .map(({ what }) => what);
}

/**
 * Whether the law concerns these parameters. A factor, and a sum that is not divided, are no means.
 * Columns of nuslerp are combined without regard to equal elements; the last tests bound that.
 */
function isMean({
  scale,
  normalize,
  density,
  nuslerp_flatten,
  nuslerp_row_wise,
}: Parameters): boolean {
  if (scale !== undefined || (normalize === false && density === undefined)) return false;
  return !(nuslerp_flatten === false && nuslerp_row_wise === true);
}

describe.each([...METHODS.values()])("$name", (method) => {
  test("has a value here for every parameter without a default", () => {
    const open = method.parameters.filter((each) => each.default === undefined && !each.optional);
    expect(open.map(({ name }) => name).filter((name) => !(name in REQUIRED))).toEqual([]);
  });

  describe.each(DTYPES)("%s", (dtype) => {
    test.each(NAMED)("shape $name", ({ shape }) => {
      expect(faults(method, dtype, shape, FILLS.random)).toEqual([]);
      expect(unlike(method, dtype, shape, FILLS.random)).toEqual([]);
    });

    test.each(Object.keys(FILLS))("%s", (name) => {
      expect(faults(method, dtype, [4, 6], FILLS[name])).toEqual([]);
      // A slerp takes vectors shorter than 1e-8 for directionless; see the last tests.
      if (method.name === "slerp" && name === "denormal" && dtype !== "F16") return;
      expect(unlike(method, dtype, [4, 6], FILLS[name])).toEqual([]);
    });

    test("the largest numbers: the same bits, where sums overflow too", () => {
      const fill: Fill = ({ i, tensor }) => LARGEST[dtype] * [1, 1, -1, i % 2][tensor];
      const all = [...runs(method, (form) => makeTensors(form, dtype, [4, 6], fill))];
      expect(all.filter((each) => !sameBytes(each.native, each.reference))).toEqual([]);
      expect(all.length).toBeGreaterThan(1);
    });
  });
});

const folder = useFolder("edges");

/** A model with a tensor of every shape and dtype. */
function modelWithAll(place: string, seed: number): string {
  const tensors: Tensors = Object.fromEntries(
    SHAPES.flatMap((shape) =>
      DTYPES.map((dtype) => [`${dtype}_${shape.join("x")}`, { dtype, shape, seed }]),
    ),
  );
  return makeModel(join(folder, place), tensors);
}

const base = modelWithAll("base", 1);
const models = ["a", "b", "c"].map((name, i) => modelWithAll(name, i + 2));

function recipeFor(method: Method, parameters: Parameters): RecipeObject {
  const listed = models.slice(0, Math.min(method.models.max, models.length));
  const { weight, ...global } = parameters;
  const weights = (Array.isArray(weight) ? weight : listed.map(() => weight)) as number[];
  return {
    merge_method: method.name as MethodName,
    ...(method.base === "required" ? { base_model: base } : {}),
    ...(method.base === "among" ? { base_model: listed[0] } : {}),
    models: listed.map((model, i) => ({
      model,
      ...(weight === undefined ? {} : { parameters: { weight: weights[i] } }),
    })),
    parameters: global as Settings,
  };
}

describe("through files, tensors of every shape", () => {
  test.each([...METHODS.values()])("$name", async (method) => {
    const [plain, busy] = variantsOf(method);
    for (const [i, parameters] of [plain, busy].entries()) {
      const recipe = recipeFor(method, parameters);
      const [native, reference] = await Promise.all(
        ([BACKENDS[0], "reference"] as const).map((backend, side) => {
          const out = join(folder, "outs", `${method.name}-${i}-${side}`);
          return merge(recipe, { out, backend, threads: 2, sync: false });
        }),
      );
      expect(native.plan.steps).toHaveLength(SHAPES.length * DTYPES.length);
      expect(native.nonfinite).toEqual([]);
      expect(tensorContent(native.out)).toEqual(tensorContent(reference.out));
    }
  });
});

describe.each(BACKENDS)("identical models on %s", (backend) => {
  test("slerp: a tensor no longer than 1e-8, at a right angle to any", () => {
    const x = tensor("F32", new Float32Array([3e-9, -4e-9]));
    const got = mergeTensors("slerp", [x, x], { parameters: { t: 0.35 }, backend }) as Tensor;
    expect(got.data).toEqual(x.data);
  });

  test("nuslerp by columns", () => {
    const x = makeTensor("F32", [50, 7], 1, FILLS.random);
    const parameters = { weight: [0.6, 0.4], nuslerp_flatten: false, nuslerp_row_wise: true };
    const got = mergeTensors("nuslerp", [x, x], { parameters, backend }) as Tensor;
    expect(bytesOf(got)).toEqual(bytesOf(x));
  });
});
