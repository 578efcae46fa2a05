/** Laws that every merge obeys, whatever the tensors: section "Laws" of the numerics contract. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type {
  ArrayOptions,
  DareOptions,
  MergeTensorsOptions,
  TensorLike,
} from "../../lib/array-types.ts";
import { dare, linear, mergeTensors, slerp, taskArithmetic, ties } from "../../lib/arrays.ts";
import type { FloatDtype } from "../../lib/format/dtype.ts";
import { METHODS } from "../../lib/methods/index.ts";
import { bytesOf, type Tensor, tensor } from "../../lib/tensor.ts";
import { BACKENDS } from "../backends.ts";

/** Half a unit in the last place of binary32, relative. */
const ROUNDING = 2 ** -24;
/** More roundings than two evaluations of up to four models have together. */
const ROUNDINGS = 32;
const runs = { numRuns: 60 };

/** Stored bits of each dtype that are finite numbers, -0, subnormal and largest ones included. */
const FINITE: Readonly<Record<FloatDtype, { bits: number; exponent: number }>> = {
  F32: { bits: 32, exponent: 0x7f800000 },
  F16: { bits: 16, exponent: 0x7c00 },
  BF16: { bits: 16, exponent: 0x7f80 },
  F8_E4M3: { bits: 8, exponent: 0x7f },
  F8_E5M2: { bits: 8, exponent: 0x7c },
};

function storedBits(dtype: FloatDtype, finite: boolean): fc.Arbitrary<number[]> {
  const { bits, exponent } = FINITE[dtype];
  const sign = 2 ** (bits - 1);
  const zeros = fc.constantFrom(0, sign, sign + 1);
  const pattern = fc.oneof({ weight: 4, arbitrary: fc.nat(2 ** bits - 1) }, zeros);
  const isNumber = (each: number) => (each & exponent) >>> 0 !== exponent;
  return fc.array(finite ? pattern.filter(isNumber) : pattern, { maxLength: 80 });
}

function pack(dtype: FloatDtype, bits: readonly number[]): Tensor {
  if (dtype === "F32") return tensor(dtype, new Float32Array(Uint32Array.from(bits).buffer));
  const array = FINITE[dtype].bits === 16 ? Uint16Array : Uint8Array;
  return tensor(dtype, array.from(bits));
}

const dtypes = fc.constantFrom(...(Object.keys(FINITE) as FloatDtype[]));
const finiteTensors = dtypes.chain((dtype) =>
  storedBits(dtype, true).map((bits) => pack(dtype, bits)),
);
/** Two tensors of one length with any bits: NaN, infinities and numbers. */
const anyPairs = dtypes.chain((dtype) =>
  storedBits(dtype, false).map((bits): [Tensor, Tensor] => {
    return [pack(dtype, bits), pack(dtype, bits.toReversed())];
  }),
);

/** Numbers whose products and sums stay far from the ends of the exponent's range. */
const moderate = fc.integer({ min: -(2 ** 22), max: 2 ** 22 }).map((k) => k / 2 ** 20);
/** Numbers few enough bits wide that sums of products with `eighths` are exact. */
const coarse = fc.integer({ min: -256, max: 256 }).map((k) => k / 64);
const eighths = fc.integer({ min: 1, max: 16 }).map((k) => k / 8);
const weight = fc.double({ min: 0.1, max: 4, noNaN: true });
const share = fc.double({ min: 0.05, max: 1, noNaN: true });

interface Inputs {
  base: Float32Array;
  models: Float32Array[];
  weights: number[];
}

/** A base and one to four models with their weights. */
function inputs(value: fc.Arbitrary<number>, weights: fc.Arbitrary<number>): fc.Arbitrary<Inputs> {
  return fc.array(weights, { minLength: 1, maxLength: 4 }).chain((drawn) => {
    const row = fc.tuple(value, ...drawn.map(() => value));
    return fc.array(row, { minLength: 1, maxLength: 80 }).map((rows) => {
      const column = (m: number) => Float32Array.from(rows, (each) => each[m]);
      return { base: column(0), models: drawn.map((_, m) => column(m + 1)), weights: drawn };
    });
  });
}

function bytes(value: TensorLike): Uint8Array {
  return value instanceof Float32Array ? bytesOf(tensor("F32", value)) : bytesOf(value);
}

function expectSameBytes(got: TensorLike, want: TensorLike): void {
  expect(Buffer.compare(bytes(got), bytes(want))).toBe(0);
}

/** Elements must be equal up to the roundings of terms that add up to `size` in magnitude. */
function expectNear(got: TensorLike, want: TensorLike, size: (i: number) => number): void {
  const [a, b] = [got as Float32Array, want as Float32Array];
  for (let i = 0; i < b.length; i++) {
    expect(Math.abs(a[i] - b[i])).toBeLessThanOrEqual(ROUNDINGS * ROUNDING * size(i));
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function meanSize({ models, weights }: Inputs, i: number): number {
  return sum(models.map((x, m) => weights[m] * Math.abs(x[i]))) / sum(weights);
}

/** Magnitudes of the deltas and of the base they are added to. */
function taskSize({ base, models, weights }: Inputs, i: number, divisor: number): number {
  const deltas = models.map((x, m) => weights[m] * (Math.abs(x[i]) + Math.abs(base[i])));
  return sum(deltas) / divisor + Math.abs(base[i]);
}

/** A permutation by sorting keys; the rest of the fields stay. */
function permuted<T extends Inputs>(given: T, keys: readonly number[]): T {
  const order = given.models.map((_, m) => m).sort((a, b) => keys[a] - keys[b]);
  const models = order.map((m) => given.models[m]);
  return { ...given, models, weights: order.map((m) => given.weights[m]) };
}

const orders = fc.array(fc.nat(), { minLength: 4, maxLength: 4 });

/** Values for the parameters of all methods. */
const settings = fc.record({
  weight,
  density: share,
  gamma: fc.double({ min: 0, max: 0.5, noNaN: true }),
  lambda: fc.double({ min: -2, max: 2, noNaN: true }),
  normalize: fc.boolean(),
  rescale: fc.boolean(),
  t: fc.double({ min: 0, max: 1, noNaN: true }),
  models: fc.integer({ min: 2, max: 4 }),
  seed: fc.nat(),
});
type Settings = typeof settings extends fc.Arbitrary<infer T> ? T : never;
type Parameters = NonNullable<MergeTensorsOptions["parameters"]>;

/** How to call a method on equal tensors. */
interface Form {
  parameters?: (given: Settings) => Parameters;
  /** Number of models beside the base; otherwise any number from two on. */
  models?: number;
  base?: boolean;
  /** The method follows directions, which a tensor of almost no length does not have. */
  directed?: boolean;
}

function taskForm(more: (given: Settings) => Parameters = () => ({})): Form {
  const parameters = (given: Settings) => {
    const { weight, lambda, normalize, rescale } = given;
    return { weight, lambda, normalize, rescale, ...more(given) };
  };
  return { base: true, parameters };
}

const sparse = taskForm(({ density }) => ({ density }));
const outliers = taskForm(({ density, gamma }) => ({ density, gamma }));
const ranked = taskForm(({ gamma }) => ({ density: 0.5, epsilon: 0.49 * gamma }));
const weighted = ({ weight }: Settings) => ({ weight });

const FORMS: Readonly<Record<string, Form>> = {
  linear: { parameters: weighted },
  slerp: { models: 2, directed: true, parameters: ({ t }) => ({ t }) },
  nuslerp: { models: 2, directed: true, parameters: weighted },
  multislerp: { directed: true, parameters: weighted },
  karcher: { directed: true },
  passthrough: { models: 1 },
  task_arithmetic: taskForm(),
  ties: sparse,
  dare_linear: sparse,
  dare_ties: sparse,
  breadcrumbs: outliers,
  breadcrumbs_ties: outliers,
  della: ranked,
  della_linear: ranked,
  model_stock: { base: true },
  nearswap: { models: 1, base: true, parameters: ({ t }) => ({ t }) },
  arcee_fusion: { models: 1, base: true },
  sce: { base: true, parameters: ({ density }) => ({ select_topk: density }) },
  ram: { base: true },
  ramplus_tl: { base: true },
};

function mergeEquals(name: string, x: Tensor, given: Settings, options: ArrayOptions): TensorLike {
  const { models = given.models, base = false, parameters } = FORMS[name];
  return mergeTensors(name, new Array<Tensor>(models).fill(x), {
    ...options,
    ...(base ? { base: x } : {}),
    parameters: parameters?.(given) ?? {},
    seed: given.seed,
  });
}

function hasDirection(x: Tensor): boolean {
  const values = linear([x], { dtype: "F32", backend: "reference" }) as Tensor;
  return Math.hypot(...values.data) > 1e-3;
}

test("every method has a form", () => {
  expect(Object.keys(FORMS).sort()).toEqual([...METHODS.keys()].sort());
});

interface Masks {
  length: number;
  density: number;
  seed: number;
  name: string;
}

describe.each(BACKENDS)("on %s", (backend) => {
  const options: ArrayOptions = { backend, threads: 1 };

  describe("equal models, and base, give that model", () => {
    test.each(Object.keys(FORMS))("%s", (name) => {
      fc.assert(
        fc.property(finiteTensors, settings, (x, given) => {
          fc.pre(FORMS[name].directed !== true || hasDirection(x));
          expectSameBytes(mergeEquals(name, x, given, options), x);
        }),
        runs,
      );
    });
  });

  describe("copies, byte for byte", () => {
    test("slerp ends in its two tensors", () => {
      fc.assert(
        fc.property(anyPairs, ([a, b]) => {
          expectSameBytes(slerp(a, b, { ...options, t: 0 }), a);
          expectSameBytes(slerp(a, b, { ...options, t: 1 }), b);
        }),
        runs,
      );
    });

    test("a mean in which one model has all the weight is that model", () => {
      fc.assert(
        fc.property(anyPairs, weight, ([a, b], w) => {
          expectSameBytes(linear([a, b], { ...options, weight: [w, 0] }), a);
          expectSameBytes(linear([a, b], { ...options, weight: [0, w] }), b);
          expectSameBytes(linear([a], { ...options, weight: w }), a);
        }),
        runs,
      );
    });
  });

  describe("the order of the models does not matter", () => {
    test("to linear, beyond rounding", () => {
      fc.assert(
        fc.property(inputs(moderate, weight), orders, (given, keys) => {
          const merge = ({ models, weights }: Inputs) =>
            linear(models, { ...options, weight: weights });
          expectNear(merge(permuted(given, keys)), merge(given), (i) => meanSize(given, i));
        }),
        runs,
      );
    });

    test("to task_arithmetic, beyond rounding", () => {
      fc.assert(
        fc.property(inputs(moderate, weight), orders, (given, keys) => {
          const merge = ({ base, models, weights }: Inputs) =>
            taskArithmetic(models, { ...options, base, weight: weights });
          expectNear(merge(permuted(given, keys)), merge(given), (i) => taskSize(given, i, 1));
        }),
        runs,
      );
    });

    test("to ram, beyond rounding", () => {
      fc.assert(
        fc.property(inputs(moderate, weight), orders, (given, keys) => {
          const merge = ({ base, models }: Inputs) =>
            mergeTensors("ram", models, { ...options, base });
          const equal = { ...given, weights: given.weights.map(() => 1) };
          expectNear(merge(permuted(given, keys)), merge(given), (i) => taskSize(equal, i, 1));
        }),
        runs,
      );
    });

    test.each(["ties", "breadcrumbs_ties"])("to %s at all, where sums are exact", (name) => {
      fc.assert(
        fc.property(inputs(coarse, eighths), orders, share, (given, keys, density) => {
          const merge = ({ base, models, weights }: Inputs) => {
            const parameters = { weight: weights, density };
            return mergeTensors(name, models, { ...options, base, parameters });
          };
          expectSameBytes(merge(permuted(given, keys)), merge(given));
        }),
        runs,
      );
    });

    test("to slerp turned round, beyond rounding", () => {
      const sixtyFourths = fc.integer({ min: 1, max: 63 }).map((k) => k / 64);
      fc.assert(
        fc.property(inputs(moderate, weight), sixtyFourths, ({ base: a, models: [b] }, t) => {
          const there = slerp(a, b, { ...options, t });
          const back = slerp(b, a, { ...options, t: 1 - t });
          // The weights of tensors whose cosine is at most 0.9995 are below 1 / sin = 31.7.
          expectNear(there, back, (i) => 31.7 * (Math.abs(a[i]) + Math.abs(b[i])));
        }),
        runs,
      );
    });
  });

  describe("the scale of the weights does not matter to a normalized merge", () => {
    type Scaled = (given: Inputs, scale: number) => TensorLike;
    const scaled = (weights: number[], scale: number) => weights.map((each) => each * scale);
    const linearOf: Scaled = ({ models, weights }, scale) =>
      linear(models, { ...options, weight: scaled(weights, scale) });
    const taskOf =
      (merge: typeof ties, more: Partial<DareOptions>): Scaled =>
      ({ base, models, weights }, scale) => {
        const weight = scaled(weights, scale);
        return merge(models, { ...options, ...more, base, weight, normalize: true });
      };
    const dareTies = { density: 0.6, seed: 5, rescale: true, ties: true };
    const generalOf =
      (name: string, parameters: Parameters): Scaled =>
      ({ base, models, weights }, scale) => {
        const all = { ...parameters, weight: scaled(weights, scale) };
        return mergeTensors(name, models, { ...options, base, seed: 5, parameters: all });
      };
    const ranks = { density: 0.5, epsilon: 0.2, normalize: true };
    const tails = { density: 0.5, gamma: 0.2, normalize: true };
    const SCALED: Readonly<Record<string, Scaled>> = {
      linear: linearOf,
      task_arithmetic: taskOf(taskArithmetic, {}),
      ties: taskOf(ties, { density: 0.7 }),
      dare_linear: taskOf(dare, { ...dareTies, ties: false }),
      dare_ties: taskOf(dare, dareTies),
      breadcrumbs: generalOf("breadcrumbs", tails),
      breadcrumbs_ties: generalOf("breadcrumbs_ties", tails),
      della: generalOf("della", ranks),
      della_linear: generalOf("della_linear", ranks),
      multislerp: generalOf("multislerp", {}),
    };

    test.each(Object.entries(SCALED))("of %s: the same bytes for powers of two", (_, merge) => {
      const power = fc.integer({ min: -8, max: 8 }).map((k) => 2 ** k);
      fc.assert(
        fc.property(inputs(moderate, weight), power, (given, scale) => {
          expectSameBytes(merge(given, scale), merge(given, 1));
        }),
        runs,
      );
    });

    test("of nuslerp: the same bytes for powers of two", () => {
      const power = fc.integer({ min: -8, max: 8 }).map((k) => 2 ** k);
      fc.assert(
        fc.property(inputs(moderate, weight), weight, power, (given, second, scale) => {
          const merge = (by: number) => {
            const parameters = { weight: scaled([given.weights[0], second], by) };
            return mergeTensors("nuslerp", [given.base, given.models[0]], {
              ...options,
              parameters,
            });
          };
          expectSameBytes(merge(scale), merge(1));
        }),
        runs,
      );
    });

    const factor = fc.double({ min: 0.2, max: 8, noNaN: true });

    test("of linear, beyond rounding", () => {
      fc.assert(
        fc.property(inputs(moderate, weight), factor, (given, scale) => {
          expectNear(linearOf(given, scale), linearOf(given, 1), (i) => meanSize(given, i));
        }),
        runs,
      );
    });

    test("of task_arithmetic, beyond rounding", () => {
      const merge = SCALED.task_arithmetic;
      fc.assert(
        fc.property(inputs(moderate, weight), factor, (given, scale) => {
          const divisor = sum(given.weights);
          expectNear(merge(given, scale), merge(given, 1), (i) => taskSize(given, i, divisor));
        }),
        runs,
      );
    });

    test("of ties, beyond rounding, where the vote is clear", () => {
      const merge = taskOf(ties, {});
      const isClear = ({ base, models, weights }: Inputs, i: number) => {
        const votes = models.map((x, m) => weights[m] * Math.fround(x[i] - base[i]));
        const size = sum(votes.map(Math.abs));
        return size === 0 || Math.abs(sum(votes)) > ROUNDINGS * ROUNDING * size;
      };
      fc.assert(
        fc.property(inputs(moderate, weight), factor, (given, scale) => {
          const least = Math.min(...given.weights);
          const size = (i: number) => taskSize(given, i, least);
          expectNear(merge(given, scale), merge(given, 1), (i) =>
            isClear(given, i) ? size(i) : Number.POSITIVE_INFINITY,
          );
        }),
        runs,
      );
    });
  });

  describe("density", () => {
    const agreeing = inputs(
      fc.nat(2 ** 22).map((k) => k / 2 ** 20),
      weight,
    ).map((given) => {
      // No delta is negative, so that all of them agree with any vote.
      const models = given.models.map((x) => x.map((value, i) => value + given.base[i]));
      return { ...given, models };
    });

    test("1 trims nothing: ties of deltas that agree are task_arithmetic", () => {
      fc.assert(
        fc.property(agreeing, ({ base, models, weights }) => {
          const given = { ...options, base, weight: weights, normalize: false };
          const trimmed = ties(models, { ...given, density: 1 });
          expectSameBytes(trimmed, taskArithmetic(models, given));
        }),
        runs,
      );
    });

    test.each(["dare_linear", "breadcrumbs", "della_linear"])(
      "1 drops nothing: %s is task_arithmetic",
      (name) => {
        fc.assert(
          fc.property(inputs(moderate, weight), fc.nat(), ({ base, models, weights }, seed) => {
            const parameters = { weight: weights, density: 1 };
            const whole = mergeTensors(name, models, { ...options, base, seed, parameters });
            const plain = taskArithmetic(models, { ...options, base, weight: weights });
            expectSameBytes(whole, plain);
          }),
          runs,
        );
      },
    );

    test("keeps the share that it says, of the largest deltas, the first of equal ones", () => {
      const values = fc.array(
        coarse.filter((value) => value !== 0),
        { minLength: 1 },
      );
      fc.assert(
        fc.property(values, share, (deltas, density) => {
          const base = new Float32Array(deltas.length);
          const keep = Math.max(1, Math.floor(density * deltas.length));
          const order = [...deltas.keys()].sort(
            (a, b) => Math.abs(deltas[b]) - Math.abs(deltas[a]) || a - b,
          );
          const want = base.slice();
          for (const i of order.slice(0, keep)) want[i] = deltas[i];
          const got = ties([Float32Array.from(deltas)], { ...options, base, density });
          expectSameBytes(got, want);
        }),
        runs,
      );
    });
  });

  /** The masks of two models, element by element: 1 where the first is kept, plus 2, the second. */
  function masks({ length, ...given }: Masks, more: Partial<DareOptions> = {}): Float32Array {
    const models = [1, 2].map((value) => new Float32Array(length).fill(value));
    const base = new Float32Array(length);
    return dare(models, { ...options, ...given, base, rescale: false, ...more }) as Float32Array;
  }

  describe("the masks of dare", () => {
    const drawn = fc.record({
      length: fc.integer({ min: 500, max: 3000 }),
      density: fc.double({ min: 0.1, max: 0.9, noNaN: true }),
      seed: fc.nat(),
      name: fc.string(),
    });

    test("are a prefix of a longer tensor's", () => {
      fc.assert(
        fc.property(drawn, fc.nat(2000), (given, more) => {
          const longer = masks({ ...given, length: given.length + more });
          expectSameBytes(longer.slice(0, given.length), masks(given));
        }),
        runs,
      );
    });

    test("do not depend on values, weights, other models or the combination", () => {
      fc.assert(
        fc.property(drawn, weight, inputs(moderate, weight), (given, w, { base: values }) => {
          const { length, ...rest } = given;
          const base = Float32Array.from({ length }, (_, i) => values[i % values.length]);
          const first = base.map((value) => value + 1);
          const more = { ...rest, base, weight: w, rescale: false };
          const alone = dare([first], { ...options, ...more }) as Float32Array;
          const elected = dare([first], { ...options, ...more, ties: true }) as Float32Array;
          const kept = masks(given).map((mask) => mask % 2);
          expectSameBytes(
            alone.map((value, i) => (value === base[i] ? 0 : 1)),
            kept,
          );
          expectSameBytes(
            elected.map((value, i) => (value === base[i] ? 0 : 1)),
            kept,
          );
        }),
        runs,
      );
    });

    test("do depend on the seed, the name and the model", () => {
      fc.assert(
        fc.property(drawn, (given) => {
          const mine = masks(given);
          const first = mine.map((mask) => mask % 2);
          const second = mine.map((mask) => Math.floor(mask / 2));
          const others = [
            masks({ ...given, seed: given.seed + 1 }),
            masks({ ...given, name: `${given.name}.` }),
          ];
          expect(Buffer.compare(bytes(first), bytes(second))).not.toBe(0);
          for (const other of others) {
            expect(Buffer.compare(bytes(mine), bytes(other))).not.toBe(0);
          }
        }),
        runs,
      );
    });

    const MILLION = { length: 1_000_000, seed: 11, name: "model.layers.0.mlp.up_proj.weight" };
    let halves: Float32Array;

    test.each([0.1, 0.5, 0.83])("keep about %f of a million", (density) => {
      const kept = masks({ ...MILLION, density });
      if (density === 0.5) halves = kept;
      const deviation = Math.sqrt(density * (1 - density) * kept.length);
      for (const model of [1, 2]) {
        const count = kept.reduce((total, mask) => total + ((mask & model) === 0 ? 0 : 1), 0);
        expect(Math.abs(count - density * kept.length)).toBeLessThan(4 * deviation);
      }
    });

    // Four elements of two models make 256 equally likely patterns: 255 degrees of freedom, for
    // which chi-square is between 176 and 352 but once in 10,000 times.
    test("pass a chi-square test on a million elements and two models", () => {
      const kept = halves ?? masks({ ...MILLION, density: 0.5 });
      const counts = new Float64Array(256);
      for (let i = 0; i < kept.length; i += 4) {
        const [a, b, c, d] = kept.subarray(i, i + 4);
        counts[a | (b << 2) | (c << 4) | (d << 6)]++;
      }
      const expected = kept.length / 4 / 256;
      const chiSquare = counts.reduce((total, n) => total + (n - expected) ** 2 / expected, 0);
      expect(chiSquare).toBeGreaterThan(176);
      expect(chiSquare).toBeLessThan(352);
    });
  });
});
