/**
 * mergekit's quirks, one test or more for each row of the list that the project decided about:
 * "matches" where we do as mergekit does, "fixes" where we deviate, "default" where it is an option.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mergeTensors } from "../../lib/arrays.ts";
import { merge, plan } from "../../lib/merge.ts";
import { openModel } from "../../lib/model.ts";
import type { RecipeObject } from "../../lib/recipe-object.ts";
import type { Tensor } from "../../lib/tensor.ts";
import { bytesOf } from "../../lib/tensor.ts";
import { llama, makeLlama, makeModel, refusal, type Tensors, useFolder } from "../make.ts";
import { Random } from "../parity/values.ts";
import {
  BACKENDS,
  f32,
  make,
  merged,
  originsOf,
  read,
  stepOf,
  stored,
  yamlWriter,
} from "./quirk-tools.ts";

const folder = useFolder("quirks");
const yaml = yamlWriter(folder);
const WEIGHT = { weight: 1 };

let places = 0;
function fresh(): string {
  return join(folder, `made-${places++}`);
}

function oneTensor(name: string, spec: Tensors[string]): string {
  return makeModel(fresh(), { [name]: spec });
}

function repeat(count: number, value: (i: number) => number): number[] {
  return Array.from({ length: count }, (_, i) => value(i));
}

function bytes(of: unknown): Buffer {
  return Buffer.from(bytesOf(of as Tensor));
}

async function codeOf(run: () => unknown): Promise<string> {
  return (await refusal(run)).code;
}

describe.each(BACKENDS)("on %s", (backend) => {
  describe("quirk 1: arithmetic is binary32 with one final rounding (default)", () => {
    const random = new Random(5);
    const x = repeat(64, () => stored("BF16", random.number()));
    const y = repeat(64, () => stored("BF16", random.number()));
    const weight = [0.9, 0.4];
    const [w0, w1] = weight.map(Math.fround);

    test("not a rounding to the storage dtype after every step", () => {
      const models = [make("BF16", x), make("BF16", y)];
      const got = merged("linear", models, { parameters: { weight }, backend });
      const sums = x.map((each, i) => Math.fround(Math.fround(w0 * each) + Math.fround(w1 * y[i])));
      const once = sums.map((sum) => stored("BF16", sum / Math.fround(w0 + w1)));
      expect(got).toEqual(once);
      const r = (value: number) => stored("BF16", value);
      const [v0, v1] = weight.map(r);
      const stepwise = x.map((each, i) => r(r(r(v0 * each) + r(v1 * y[i])) / r(v0 + v1)));
      expect(got).not.toEqual(stepwise);
    });

    test("`dtype` is the dtype of the output; the inputs are not rounded to it first", async () => {
      const a = oneTensor("w", { dtype: "F32", shape: [1], values: [1 + 2 ** -8] });
      const b = oneTensor("w", { dtype: "F32", shape: [1], values: [1 + 2 ** -8 + 2 ** -11] });
      const models = [{ model: a }, { model: b }];
      const recipe: RecipeObject = {
        merge_method: "linear",
        models,
        parameters: WEIGHT,
        dtype: "bfloat16",
      };
      const { out } = await merge(recipe, { out: fresh(), backend, sync: false });
      // Rounded first, they are 1 and 1 + 2^-7, whose mean rounds to 1.
      expect([...openModel(out).read("w")]).toEqual([1 + 2 ** -7]);
    });
  });

  test("quirk 2: weights are binary32, whatever the tensors' dtype (default)", () => {
    const parameters = { weight: 0.3, normalize: false };
    const got = merged("linear", [make("BF16", [1])], { parameters, dtype: "F32", backend });
    expect(got).toEqual([Math.fround(0.3)]);
    expect(got).not.toEqual([stored("BF16", 0.3)]);
  });

  test("quirk 3: sums of whole tensors do not depend on the number of threads (fixes)", () => {
    const count = 200_003;
    const base = make("BF16", new Float32Array(count));
    const x = make("BF16", new Float32Array(count).fill(1));
    const parameters = { weight: 1, density: 0.5 };
    const run = (threads: number) =>
      mergeTensors("dare_linear", [x], { base, parameters, dtype: "F32", backend, threads });
    const one = run(1);
    const kept = read(one as Tensor).filter((value) => value !== 0);
    expect(new Set(kept)).toEqual(new Set([Math.fround(count / kept.length)]));
    for (const threads of [2, 7]) expect(bytes(run(threads)).equals(bytes(one))).toBe(true);
  });

  test.each(["ties", "breadcrumbs", "dare_linear"])(
    "quirk 4: rescale restores the L1 norm; it is not 1/density (matches): %s",
    (method) => {
      const deltas = repeat(40, (i) => 40 - i);
      const base = make(
        "F32",
        repeat(40, () => 0),
      );
      const parameters = { weight: 1, density: 0.25, rescale: true };
      const got = merged(method, [make("F32", deltas)], { base, parameters, backend });
      const size = (all: number[]) => all.reduce((sum, each) => sum + Math.abs(each), 0);
      expect(size(got) / size(deltas)).toBeCloseTo(1, 6);
      const factors = got.map((each, i) => each / deltas[i]).filter((factor) => factor !== 0);
      expect(Math.max(...factors) - Math.min(...factors)).toBeLessThan(1e-6);
      expect(Math.abs(factors[0] - 4)).toBeGreaterThan(0.01);
    },
  );

  test("quirk 5: exactly k elements stay, of equal magnitudes the first (fixes)", () => {
    const random = new Random(3);
    const deltas = repeat(1000, () => (random.word() % 2 === 0 ? 0.5 : -0.5));
    const base = make("BF16", new Float32Array(1000));
    const parameters = { weight: 1, density: 0.3 };
    const got = merged("ties", [make("BF16", deltas)], { base, parameters, backend });
    expect(got).toEqual(deltas.map((each, i) => (i < 300 ? each : 0)));
  });

  describe("quirk 6: k = 0 keeps one element (fixes)", () => {
    const parameters = { weight: 1, density: 0.01 };

    test.each([
      { shape: [], deltas: [3], left: [3] },
      { shape: [1], deltas: [-3], left: [-3] },
      { shape: [2, 3], deltas: [1, -4, 2, 4, 0, 1], left: [0, -4, 0, 0, 0, 0] },
    ])("of $deltas", ({ shape, deltas, left }) => {
      const base = make("F32", new Float32Array(deltas.length), shape);
      const got = merged("ties", [make("F32", deltas, shape)], { base, parameters, backend });
      expect(got).toEqual(left);
    });

    test("but a density of 0 is refused by ties", async () => {
      const [base, x] = [f32(0, 0), f32(1, 2)];
      const none = { weight: 1, density: 0 };
      const run = () => mergeTensors("ties", [x], { base, parameters: none, backend });
      expect(await codeOf(run)).toBe("OUT_OF_RANGE");
    });
  });

  test.each([0, 0.01])("quirk 7: gamma %f of few elements removes no outlier (fixes)", (gamma) => {
    const deltas = [1, -8, 2, 7, -3, 6, 4, -5];
    const base = make("F32", new Float32Array(8));
    const parameters = { weight: 1, density: 0.5, gamma };
    const got = merged("breadcrumbs", [f32(...deltas)], { base, parameters, backend });
    expect(got).toEqual([0, -8, 0, 7, 0, 6, 0, -5]);
  });

  describe("quirk 8: random numbers", () => {
    const count = 300;
    const base = make("F32", new Float32Array(count));
    const ones = make("F32", new Float32Array(count).fill(1));
    const parameters = { weight: 1, density: 0.5, rescale: false };

    test("come from Philox by seed, tensor, model and element (default)", () => {
      const options = { base, parameters, backend, name: "a.weight" };
      const mask = (more: object) => merged("dare_linear", [ones], { ...options, ...more });
      const mine = mask({});
      expect(mask({ seed: 0, random: "philox", threads: 2 })).toEqual(mine);
      expect(mask({ seed: 1 })).not.toEqual(mine);
      expect(mask({ name: "b.weight" })).not.toEqual(mine);
      const zeros = make("F32", new Float32Array(count));
      const second = merged("dare_linear", [zeros, ones], options);
      expect(second).not.toEqual(mine);
    });

    test("or, asked for, from torch's stream on a CPU: MT19937, 24 bits an element", () => {
      // The first outputs of MT19937 with its authors' default seed.
      const words = [3499211612, 581869302, 3890346734, 3586334585, 545404204, 4161255391];
      const options = { base, parameters, backend, random: "torch-cpu", seed: 5489 } as const;
      const got = merged("dare_linear", [ones], options);
      const kept = words.map((word) => ((word & 0xffffff) / 2 ** 24 < 0.5 ? 1 : 0));
      expect(got.slice(0, words.length)).toEqual(kept);
    });
  });

  describe("quirk 9: DELLA", () => {
    const parameters = { weight: 1, density: 0.5, rescale: false };

    test.each([[[]], [[1]], [[64, 1]]])("takes rows of one element: shape %j (fixes)", (shape) => {
      const count = shape.reduce((product, axis) => product * axis, 1);
      const base = make("F32", new Float32Array(count), shape);
      const x = make(
        "F32",
        repeat(count, (i) => i + 1),
        shape,
      );
      const options = { base, backend, parameters };
      // The only rank has the middle of the range, the density itself, as every element in DARE.
      expect(merged("della_linear", [x], options)).toEqual(merged("dare_linear", [x], options));
    });

    test.each([
      { density: 0.9, epsilon: 0.15 },
      { density: 0.1, epsilon: 0.15 },
      { density: 0.5, epsilon: 0.5 },
    ])("refuses probabilities outside (0, 1): %j (matches)", async (given) => {
      const run = () =>
        mergeTensors("della", [f32(1, 2)], {
          base: f32(0, 0),
          parameters: { weight: 1, ...given },
          backend,
        });
      expect(await codeOf(run)).toBe("OUT_OF_RANGE");
    });
  });

  test("quirk 10: DELLA's ranks are exact in bf16 too (fixes)", () => {
    const random = new Random(9);
    const all = repeat(4096, (i) => 2 ** ((i >> 7) - 16) * (1 + (i & 127) / 128));
    const values = all
      .map((value) => ({ value, key: random.word() }))
      .sort((a, b) => a.key - b.key)
      .map(({ value }) => value);
    const parameters = { weight: 1, density: 0.5, epsilon: 0.45, rescale: false };
    const run = (dtype: "BF16" | "F32") => {
      const base = make(dtype, new Float32Array(4096), [1, 4096]);
      const x = make(dtype, values, [1, 4096]);
      return merged("della_linear", [x], { base, parameters, dtype: "F32", backend });
    };
    const got = run("BF16");
    expect(got).toEqual(run("F32"));
    const small = got.filter((each, i) => each !== 0 && values[i] < 1).length;
    const large = got.filter((each, i) => each !== 0 && values[i] >= 1).length;
    expect(large).toBeGreaterThan(2 * small);
  });

  describe("quirk 11: the vote of TIES (matches)", () => {
    const vote = (deltas: number[], weight: number[], more = {}) =>
      merged(
        "ties",
        deltas.map((each) => f32(each)),
        { base: f32(0), parameters: { weight, ...more }, backend },
      );

    test("a delta of 0 agrees with no sign and is not counted", () => {
      expect(vote([0, 0.5], [1, 1])).toEqual([0.5]);
      expect(vote([0, -0.5, -0.25], [1, 1, 1])).toEqual([-0.375]);
    });

    test("a sum of 0 elects +", () => {
      expect(vote([1, -1], [1, 1])).toEqual([1]);
      expect(vote([-1, 1], [1, 1])).toEqual([1]);
    });

    test("it is on the weighted deltas", () => {
      expect(vote([1, -0.75], [1, 2])).toEqual([-0.75]);
      expect(vote([1, -0.75], [1, -2], { normalize: false })).toEqual([2.5]);
    });
  });

  test.each(["F32", "F16"] as const)(
    "quirk 12: a sum of agreeing weights of 0 divides as 1, as does a small plain sum: %s (matches)",
    (dtype) => {
      const one = (value: number) => make(dtype, [value]);
      const run = (method: string, deltas: number[], weight: number[]) =>
        merged(method, deltas.map(one), {
          base: one(0),
          parameters: { weight, normalize: true },
          backend,
        });
      expect(run("ties", [1, -1], [1, -1])).toEqual([2]);
      expect(run("task_arithmetic", [1, 3], [1, -1])).toEqual([-2]);
      expect(run("task_arithmetic", [1, 3], [1, -0.5])).toEqual([-1]);
    },
  );

  describe("quirk 13: weights that sum to 0 are refused where they divide (fixes)", () => {
    const models = [f32(1, 2), f32(3, 5)];
    const parameters = { weight: [1, -1] };

    test.each(["linear", "multislerp"])("%s", async (method) => {
      const run = () => mergeTensors(method, models, { parameters, backend });
      const error = await refusal(run);
      expect(error.code).toBe("OUT_OF_RANGE");
      expect(error.hint).toMatch(/normalize(_weights)?: false/);
    });

    test("not where they do not divide", () => {
      const options = { parameters: { ...parameters, normalize: false }, backend };
      expect(merged("linear", models, options)).toEqual([-2, -3]);
    });

    test("nuslerp takes one half, as mergekit does", () => {
      const halves = merged("nuslerp", models, { parameters: { weight: [1, 1] }, backend });
      expect(merged("nuslerp", models, { parameters, backend })).toEqual(halves);
    });
  });

  describe("quirk 14: slerp", () => {
    const slerp = (a: Tensor, b: Tensor, t: number) =>
      merged("slerp", [a, b], { parameters: { t }, backend });

    test("a zero vector is at a right angle to any (matches)", () => {
      const [x, y] = slerp(f32(0, 0), f32(3, 4), 0.5);
      expect(x).toBeCloseTo(3 * Math.SQRT1_2, 6);
      expect(y).toBeCloseTo(4 * Math.SQRT1_2, 6);
    });

    test("scalars are interpolated in a straight line (fixes)", () => {
      expect(slerp(make("F32", [2], []), make("F32", [4], []), 0.25)).toEqual([2.5]);
      expect(slerp(make("F32", [-2], []), make("F32", [4], []), 0.25)).toEqual([-0.5]);
    });
  });

  test("quirk 15: slerp does not broadcast (fixes)", async () => {
    const models = [make("F32", [1, 2, 3], [3]), make("F32", [1, 2, 3], [1, 3])];
    const run = () => mergeTensors("slerp", models, { parameters: { t: 0.5 }, backend });
    expect(await codeOf(run)).toBe("SHAPE_MISMATCH");
  });

  describe("quirk 16: nuslerp", () => {
    const weight = [0.7, 0.3];

    test("opposite vectors are interpolated in a straight line (fixes)", () => {
      const models = [f32(1, 2, -4), f32(-2, -4, 8)];
      const got = merged("nuslerp", models, { parameters: { weight }, backend });
      for (const [i, want] of [0.1, 0.2, -0.4].entries()) expect(got[i]).toBeCloseTo(want, 6);
    });

    test("without flatten a vector is a row; with row_wise it is a column (matches)", () => {
      const [a, b] = [
        [1, 2, 3, -4],
        [2, -1, 5, 1],
      ];
      const whole = (at: number[]) => {
        const parts = [a, b].map((values) => f32(...at.map((i) => values[i])));
        return merged("nuslerp", parts, { parameters: { weight }, backend });
      };
      const matrices = [make("F32", a, [2, 2]), make("F32", b, [2, 2])];
      const by = (more: object) =>
        merged("nuslerp", matrices, {
          parameters: { weight, nuslerp_flatten: false, ...more },
          backend,
        });
      expect(by({})).toEqual([...whole([0, 1]), ...whole([2, 3])]);
      const [left, right] = [whole([0, 2]), whole([1, 3])];
      const columns = by({ nuslerp_row_wise: true });
      for (const [i, want] of [left[0], right[0], left[1], right[1]].entries()) {
        expect(columns[i]).toBeCloseTo(want, 6);
      }
      const flat = { nuslerp_flatten: true, nuslerp_row_wise: true };
      expect(by(flat)).toEqual(whole([0, 1, 2, 3]));
    });
  });

  test("quirk 17: karcher counts a base model as one more model (matches)", () => {
    const [a, b, c] = [f32(1, 2), f32(3, -1), f32(0.5, 4)];
    const three = merged("karcher", [a, b, c], { backend });
    expect(merged("karcher", [a, b], { base: c, backend })).toEqual(three);
    expect(merged("karcher", [a, b], { backend })).not.toEqual(three);
  });

  test.each(["arcee_fusion", "ramplus_tl"])(
    "quirk 18: %s has the dtype of its inputs (fixes)",
    (method) => {
      const base = make("BF16", [1, 2, 3, 4]);
      const got = mergeTensors(method, [make("BF16", [1, 2, 5, 4])], { base, backend }) as Tensor;
      expect(got.dtype).toBe("BF16");
      expect(mergeTensors(method, [base], { base, dtype: "F16", backend })).toMatchObject({
        dtype: "F16",
      });
    },
  );

  describe("quirk 20: sce", () => {
    test.each([{ models: 1 }, { models: 2 }])(
      "where nothing varies, nothing is selected: the base in its shape, %j (fixes)",
      ({ models }) => {
        const base = make("F32", [1, 2, 3, 4, 5, 6], [2, 3]);
        const x = make("F32", [2, 3, 4, 5, 6, 7], [2, 3]);
        const parameters = { select_topk: 0.5 };
        const all = new Array<Tensor>(models).fill(x);
        const got = mergeTensors("sce", all, { base, parameters, backend }) as Tensor;
        expect(got.shape).toEqual([2, 3]);
        expect(bytes(got).equals(bytes(base))).toBe(true);
      },
    );

    test("below a mean square of 1e-6 together, all models count alike (matches)", () => {
      const run = (...deltas: number[]) =>
        merged(
          "sce",
          deltas.map((each) => f32(each, each)),
          { base: f32(0, 0), backend },
        )[0];
      expect(run(1e-4, 5e-4) / 3e-4).toBeCloseTo(1, 6);
      expect(run(1e-2, 5e-2)).toBeCloseTo((1e-4 * 1e-2 + 25e-4 * 5e-2) / 26e-4, 7);
    });
  });

  test("quirk 21: the L1 norm of an fp16 tensor may exceed 65504 (fixes)", () => {
    const count = 70_000;
    const base = make("F16", new Float32Array(count));
    const x = make("F16", new Float32Array(count).fill(2));
    const parameters = { weight: 1, density: 0.5, rescale: true };
    for (const method of ["ties", "breadcrumbs"]) {
      const got = merged(method, [x], { base, parameters, backend });
      const kept = got.filter((value) => value !== 0);
      expect(kept).toHaveLength(count / 2);
      expect(new Set(kept)).toEqual(new Set([4]));
    }
  });

  test("quirk 22: nearswap with t = 0 is the base, bit for bit, in fp16 too (fixes)", () => {
    const base = make("F16", [1, -0, 2 ** -24, 5]);
    const x = make("F16", [1, 0, 0, 5.5]);
    const got = mergeTensors("nearswap", [x], { base, parameters: { t: 0 }, backend });
    expect(bytes(got).equals(bytes(base))).toBe(true);
  });

  describe("quirk 37: NaN and infinity in the inputs (default)", () => {
    test("stay, are counted, and are reported by tensor", async () => {
      const shape = [4];
      const NaNs = { dtype: "F32", shape, values: [Number.NaN, 1, 1, 1] } as const;
      const fine = { dtype: "F32", shape, values: [1, 1, 1, 1] } as const;
      const infinite = { ...fine, values: [1, 1, Number.POSITIVE_INFINITY, 1] };
      const a = makeModel(fresh(), { nan: NaNs, inf: infinite, sound: fine });
      const b = makeModel(fresh(), { nan: fine, inf: fine, sound: fine });
      const recipe: RecipeObject = {
        merge_method: "linear",
        models: [{ model: a }, { model: b }],
        parameters: WEIGHT,
      };
      const { out, nonfinite } = await merge(recipe, { out: fresh(), backend, sync: false });
      const none = { nanBorn: 0, overflowBorn: 0, nanFromInput: 0, overflowFromInput: 0 };
      expect(nonfinite).toEqual([
        { tensor: "inf", ...none, overflowFromInput: 1 },
        { tensor: "nan", ...none, nanFromInput: 1 },
      ]);
      expect([...openModel(out).read("nan")]).toEqual([Number.NaN, 1, 1, 1]);
    });

    test("NaN is the largest magnitude, and a vote that is NaN gives NaN", () => {
      const base = f32(0, 0, 0, 0);
      const x = f32(1, Number.NaN, 5, 2);
      const parameters = { weight: 1, density: 0.5 };
      expect(merged("ties", [x], { base, parameters, backend })).toEqual([0, Number.NaN, 5, 0]);
      const y = f32(-1, -1, -1, -1);
      const got = merged("ties", [x, y], { base, parameters: WEIGHT, backend });
      expect(got).toEqual([1, Number.NaN, 5, 2]);
    });
  });

  describe("quirk 38: -0", () => {
    const base = f32(-0, -0, 1, 0);

    test.each(["task_arithmetic", "ties", "ram", "sce"])(
      "of the base stays where nothing is added: %s (fixes)",
      (method) => {
        const parameters = method === "ram" || method === "sce" ? {} : WEIGHT;
        const got = merged(method, [f32(0, -0, 2, 0)], { base, parameters, backend });
        expect(got).toEqual([-0, -0, 2, 0]);
      },
    );

    test("a dropped delta leaves no trace, whatever its sign", () => {
      const parameters = { weight: 1, density: 0.25 };
      const got = merged("ties", [f32(-1, 1, 3, -1)], { base, parameters, backend });
      expect(got).toEqual([-0, -0, 3, 0]);
    });
  });
});

describe("quirk 19: the quantiles of arcee_fusion are exact beyond a million elements (fixes)", () => {
  const count = 1_000_001;
  const base = make("F32", new Float32Array(count));

  /** `near` elements at a distance of 1 from the base, the others at 4, mixed up. */
  function fusion(near: number): number {
    const x = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      const distance = (i * 7919) % count < near ? 1 : 4;
      x[i] = i % 2 === 0 ? distance : -distance;
    }
    const options = { base, backend: BACKENDS[0], threads: 2 } as const;
    const got = merged("arcee_fusion", [make("F32", x)], options);
    return got.reduce((chosen, value) => chosen + (value === 0 ? 0 : 1), 0);
  }

  // The third quartile is element 750,000 of the order: one element more decides about all.
  test.each([
    { near: 750_001, chosen: count },
    { near: 750_000, chosen: 0 },
  ])("%j", ({ near, chosen }) => {
    expect(fusion(near)).toBe(chosen);
  });
});

const a = makeLlama(fresh(), { layers: 4, seed: 1 });
const b = makeLlama(fresh(), { layers: 4, seed: 2 });
const larger = makeLlama(fresh(), { layers: 4, vocab: 20, seed: 3 });
const tied = makeLlama(fresh(), { layers: 4, tied: true, seed: 4 });
const EMBEDDING = "model.embed_tokens.weight";
const HEAD = "lm_head.weight";
const NORM = "model.norm.weight";

function average(...models: string[]): RecipeObject {
  return {
    merge_method: "linear",
    models: models.map((model) => ({ model })),
    parameters: WEIGHT,
  };
}

/** A recipe of slices; each lists models with their layers. */
function sliced(...slices: [models: readonly string[], from: number, to: number][]): RecipeObject {
  return {
    merge_method: "linear",
    slices: slices.map(([models, from, to]) => ({
      sources: models.map((model, i) => ({
        model,
        layer_range: [from, to] as const,
        parameters: { weight: i === 0 ? 1 : [2, 4] },
      })),
    })),
    parameters: { normalize: false },
  };
}

describe("quirk 13: weights that sum to 0, in a recipe", () => {
  test("are refused by the plan", async () => {
    const models = [1, -1].map((weight, i) => ({ model: [a, b][i], parameters: { weight } }));
    const recipe: RecipeObject = { merge_method: "linear", models };
    expect(await codeOf(() => plan(recipe))).toBe("OUT_OF_RANGE");
    expect((await plan({ ...recipe, parameters: { normalize: false } })).steps).not.toEqual([]);
  });
});

test("quirk 15: shapes that could be broadcast are refused by the plan too (fixes)", async () => {
  const flat = oneTensor("w", { dtype: "F32", shape: [3] });
  const deep = oneTensor("w", { dtype: "F32", shape: [1, 3] });
  const recipe: RecipeObject = {
    merge_method: "slerp",
    base_model: flat,
    models: [{ model: flat }, { model: deep }],
    parameters: { t: 0.5 },
  };
  expect(await codeOf(() => plan(recipe))).toBe("SHAPE_MISMATCH");
});

describe("quirk 17: karcher in a recipe", () => {
  test("cuts vocabularies as other methods do (fixes)", async () => {
    const made = await plan({ merge_method: "karcher", models: [{ model: a }, { model: larger }] });
    expect(stepOf(made, EMBEDDING).shape).toEqual([16, 8]);
  });

  test("takes an unlisted base as one more model, and no weights (matches)", async () => {
    const models = [a, b].map((model) => ({ model, parameters: WEIGHT }));
    const made = await plan({ merge_method: "karcher", base_model: tied, models });
    expect(originsOf(made, NORM)).toEqual([`${a}:${NORM}`, `${b}:${NORM}`, `${tied}:${NORM}`]);
    expect(stepOf(made, NORM).operation).toMatchObject({ inputs: [0, 1, 2], base: null });
    expect(
      made.notes.filter((note) => /`models\[\d\]\.parameters\.weight`/.test(note)),
    ).toHaveLength(2);
  });
});

test("quirk 18: arcee_fusion and ramplus_tl write the base's dtype (fixes)", async () => {
  for (const merge_method of ["arcee_fusion", "ramplus_tl"] as const) {
    const made = await plan({ merge_method, base_model: a, models: [{ model: b }] });
    expect(new Set(made.steps.map(({ dtype }) => dtype))).toEqual(new Set(["BF16"]));
  }
});

describe("quirk 23: shapes that differ in the task-arithmetic family", () => {
  const task = (base_model: string, ...models: string[]): RecipeObject => ({
    merge_method: "task_arithmetic",
    base_model,
    models: models.map((model) => ({ model })),
    parameters: WEIGHT,
  });

  test("of vocabulary tensors are cut to the fewest rows, and noted (fixes)", async () => {
    for (const recipe of [task(larger, a, b), task(a, larger, b)]) {
      const made = await plan(recipe);
      expect(stepOf(made, EMBEDDING).shape).toEqual([16, 8]);
      expect(made.notes.join("\n")).toMatch(/embed_tokens.*cut to the first 16 rows/);
    }
  });

  test("of other tensors are an error, not skipped (default)", async () => {
    const tall = makeModel(fresh(), {
      ...llama({ layers: 4 }),
      "model.layers.1.mlp.up_proj.weight": { dtype: "BF16", shape: [20, 8] },
    });
    expect(await codeOf(() => plan(task(a, tall, b)))).toBe("SHAPE_MISMATCH");
  });
});

describe("quirk 24: the position of a gradient", () => {
  const weightsOf = async (recipe: RecipeObject, names: readonly string[]) => {
    const made = await plan(recipe);
    return names.map((name) => {
      const { operation } = stepOf(made, name);
      return operation.op === "linear" ? operation.weights[1] : undefined;
    });
  };
  const norm = (layer: number) => `model.layers.${layer}.input_layernorm.weight`;

  test("is 0 for everything outside the layers (matches)", async () => {
    const recipe = sliced([[a, b], 0, 3]);
    expect(await weightsOf(recipe, [EMBEDDING, NORM, HEAD])).toEqual([2, 2, 2]);
  });

  test("is 1 for a slice of a single layer, and starts again in each slice (matches)", async () => {
    const recipe = sliced([[a, b], 0, 3], [[a, b], 1, 2], [[a, b], 2, 4]);
    const layers = [0, 1, 2, 3, 4, 5].map(norm);
    expect(await weightsOf(recipe, layers)).toEqual([2, 3, 4, 4, 2, 4]);
  });
});

test("quirk 25: the last slice's sources make norm and head, however many the first has (fixes)", async () => {
  const made = await plan(sliced([[a], 0, 2], [[a, b], 2, 4]));
  expect(originsOf(made, EMBEDDING)).toEqual([`${a}:${EMBEDDING}`]);
  expect(originsOf(made, HEAD)).toEqual([`${a}:${HEAD}`, `${b}:${HEAD}`]);
  expect(originsOf(made, NORM)).toEqual([`${a}:${NORM}`, `${b}:${NORM}`]);
});

describe("quirk 26: settings", () => {
  const recipe = (weight: string) =>
    yaml(`merge_method: linear
models:
  - model: ${a}
    parameters: {weight: 1}
  - model: ${b}
    parameters: {weight: ${weight}}
parameters: {normalize: false}
`);

  test("one {filter, value} may stand without a list (fixes)", async () => {
    const made = await plan(recipe("{value: 0.25}"));
    expect(stepOf(made, NORM).operation).toMatchObject({ weights: [1, 0.25] });
    const filtered = recipe("{filter: norm, value: 0.5}");
    expect(await codeOf(() => plan(filtered))).toBe("MISSING_PARAMETER");
  });

  test("an empty list is refused when the recipe is read (fixes)", async () => {
    expect(await codeOf(() => plan(recipe("[]")))).toBe("WRONG_TYPE");
  });
});

describe("quirk 27: keys", () => {
  const recipe = (more: string) =>
    yaml(`merge_method: linear\nmodels: [{model: ${a}}, {model: ${b}}]\n${more}\n`);

  test("that no recipe has are an error with a suggestion", async () => {
    const error = await refusal(() => plan(recipe("parametres: {weight: 1}")));
    const unknown = error.problems.find(({ code }) => code === "UNKNOWN_KEY");
    expect(unknown?.hint).toContain("parameters");
  });

  test("of parameters that no method has are an error, another method's a note", async () => {
    const wrong = recipe("parameters: {weight: 1, weigth: 1}");
    expect(await codeOf(() => plan(wrong))).toBe("UNKNOWN_KEY");
    const { notes } = await plan(recipe("parameters: {weight: 1, density: 0.5}"));
    expect(notes.join("\n")).toContain("density");
  });
});

describe("quirk 28: the order of the models is the recipe's (fixes)", () => {
  test("also of multislerp, which mergekit shuffles, and without a base", async () => {
    for (const merge_method of ["multislerp", "linear"] as const) {
      const made = await plan({ ...average(b, a, tied), merge_method });
      expect(made.models).toEqual([b, a, tied]);
      expect(stepOf(made, NORM).operation).toMatchObject({ inputs: [0, 1, 2] });
    }
  });

  test("the first model gives config.json and tokenizer, and the card lists them in order", async () => {
    const config = (name: string) => ({ config: { name, num_hidden_layers: 2 } });
    const first = makeLlama(
      fresh(),
      { seed: 7 },
      { ...config("one"), companions: { "tokenizer.json": "1" } },
    );
    const second = makeLlama(
      fresh(),
      { seed: 8 },
      { ...config("two"), companions: { "tokenizer.json": "2" } },
    );
    const { out } = await merge(average(second, first), { out: fresh(), sync: false });
    const text = (name: string) => readFileSync(join(out, name), "utf8");
    expect(JSON.parse(text("config.json")).name).toBe("two");
    expect(text("tokenizer.json")).toBe("2");
    expect(text("README.md").indexOf(second)).toBeLessThan(text("README.md").indexOf(first));
    expect(text("README.md")).toContain(first);
  });
});

test("quirk 29: a model listed twice is two models", async () => {
  const models = [1, 1, 2].map((weight, i) => ({ model: [a, a, b][i], parameters: { weight } }));
  const made = await plan({ merge_method: "linear", models });
  expect(stepOf(made, NORM).operation).toMatchObject({ weights: [1, 1, 2], divisor: 4 });
  expect(made.models).toEqual([a, a, b]);
});

test("quirk 30: config.json is told of a vocabulary that was cut (fixes)", async () => {
  const { out } = await merge(average(larger, a), { out: fresh(), sync: false });
  expect(openModel(out).tensors.get(EMBEDDING)?.shape).toEqual([16, 8]);
  expect(JSON.parse(readFileSync(join(out, "config.json"), "utf8")).vocab_size).toBe(16);
});

describe("quirk 31: shards", () => {
  const namesOf = async (shardSize?: number) => {
    const made = await plan(average(a, b), shardSize === undefined ? {} : { shardSize });
    return made.shards.map(({ name }) => name);
  };

  test("are counted in bytes, greedily; a large tensor has one of its own (matches)", async () => {
    const matrix = { dtype: "F32", shape: [10] } as const;
    const model = makeModel(fresh(), {
      a: matrix,
      b: matrix,
      c: matrix,
      d: { ...matrix, shape: [30] },
    });
    const made = await plan(average(model, model), { shardSize: 100 });
    const places = Object.fromEntries(made.steps.map(({ tensor, shard }) => [tensor, shard]));
    expect(places).toEqual({ a: 0, b: 0, c: 1, d: 2 });
  });

  test("have mergekit's names, and one file holds up to 5,000,000,000 bytes (matches)", async () => {
    expect(await namesOf()).toEqual(["model.safetensors"]);
    expect(await namesOf(0)).toEqual(["model.safetensors"]);
    const many = await namesOf(500);
    expect(many[0]).toBe(`model-00001-of-${String(many.length).padStart(5, "0")}.safetensors`);
  });

  test("have an index of our own (fixes)", async () => {
    const { out } = await merge(average(a, b), { out: fresh(), shardSize: 500, sync: false });
    const index = JSON.parse(readFileSync(join(out, "model.safetensors.index.json"), "utf8"));
    expect(Object.keys(index.metadata)).toEqual(["total_size", "weightloom_version"]);
    expect(existsSync(join(out, index.weight_map[NORM]))).toBe(true);
  });
});

describe("quirk 32: integers are never averaged (fixes)", () => {
  const ids = (...values: number[]) =>
    makeModel(fresh(), { ids: { dtype: "I64", shape: [3], values } });

  test("equal ones are copied, with any weights", async () => {
    const models = [ids(1, -2, 3), ids(1, -2, 3)];
    const { out } = await merge(average(...models), { out: fresh(), sync: false });
    const copied = Buffer.from(openModel(out).bytes("ids"));
    expect(copied.equals(Buffer.from(openModel(models[0]).bytes("ids")))).toBe(true);
  });

  test.each(BACKENDS)("others are an error, and nothing is written, on %s", async (backend) => {
    const out = fresh();
    const run = () => merge(average(ids(1, 2, 3), ids(1, 2, 4)), { out, backend, sync: false });
    expect(await codeOf(run)).toBe("TENSOR_DIFFERS");
    expect(existsSync(out)).toBe(false);
  });
});

describe("quirk 33: an output head that is tied in some models (matches)", () => {
  test("is not written when no model has one", async () => {
    const made = await plan(average(tied, tied));
    expect(made.steps.map(({ tensor }) => tensor)).not.toContain(HEAD);
  });

  test("is written when one has, the others giving their embedding", async () => {
    const made = await plan(average(tied, a));
    expect(originsOf(made, HEAD)).toEqual([`${tied}:${EMBEDDING}`, `${a}:${HEAD}`]);
  });
});

describe("quirk 34: what is not built is refused before anything is read", () => {
  const recipe = (more: string, model = a) =>
    yaml(`merge_method: linear
models: [{model: "${model}"}, {model: ${b}}]
parameters: {weight: 1}
${more}
`);

  test.each(["tokenizer: {source: union}", "tokenizer_source: union"])("%s", async (line) => {
    expect(await codeOf(() => plan(recipe(line)))).toBe("UNSUPPORTED");
  });

  test("a model with a LoRA adapter", async () => {
    expect(await codeOf(() => plan(recipe("", `${a}+${b}`)))).toBe("UNSUPPORTED");
  });
});

describe("quirk 35: methods without a base ignore base_model (fixes)", () => {
  test("linear needs no weight for it, and does not count it", async () => {
    const models = [a, b].map((model) => ({ model, parameters: WEIGHT }));
    const made = await plan({ merge_method: "linear", base_model: tied, models });
    expect(originsOf(made, NORM)).toEqual([`${a}:${NORM}`, `${b}:${NORM}`]);
  });

  test("passthrough has still one model", async () => {
    const made = await plan({ merge_method: "passthrough", base_model: b, models: [{ model: a }] });
    expect(originsOf(made, NORM)).toEqual([`${a}:${NORM}`]);
    expect(stepOf(made, NORM).operation).toEqual({ op: "copy", input: 0 });
  });
});

test("quirk 36: names and layers come from the checkpoints; no architecture is known (fixes)", async () => {
  const layer = { dtype: "F32", shape: [2] } as const;
  const tensors: Tensors = {
    "odd.blocks.0.gain": layer,
    "odd.blocks.1.gain": layer,
    "odd.in": layer,
  };
  const odd = makeModel(fresh(), tensors, { config: null });
  const made = await plan({
    merge_method: "passthrough",
    slices: [1, 0].map((i) => ({ sources: [{ model: odd, layer_range: [i, i + 1] as const }] })),
  });
  expect(originsOf(made, "odd.blocks.0.gain")).toEqual([`${odd}:odd.blocks.1.gain`]);
  const { out } = await merge(average(odd, odd), { out: fresh(), sync: false });
  expect([...openModel(out).tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
  expect(existsSync(join(out, "config.json"))).toBe(false);
});

test("every row of the list has a test", () => {
  const source = readFileSync(join(import.meta.dirname, "quirks.test.ts"), "utf8");
  const rows = [...source.matchAll(/"quirk (\d+): /g)].map(([, row]) => Number(row));
  expect([...new Set(rows)].sort((x, y) => x - y)).toEqual(repeat(38, (i) => i + 1));
});
