import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ArrayOptions, TensorLike } from "../../lib/array-types.ts";
import { dare, linear, mergeTensors, slerp, taskArithmetic, ties } from "../../lib/arrays.ts";
import { type ErrorCode, MergeError } from "../../lib/errors.ts";
import type { FloatDtype } from "../../lib/format/dtype.ts";
import { METHODS } from "../../lib/methods/index.ts";
import { bytesOf, type Tensor, tensor } from "../../lib/tensor.ts";
import { BACKENDS } from "../backends.ts";
import { refusal } from "../make.ts";
import { makeTensor, Random } from "../parity/values.ts";

const DTYPES: readonly FloatDtype[] = ["F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"];

/** Every function of the API, called with two models and a base. */
interface Call {
  name: string;
  now(models: readonly TensorLike[], base: TensorLike, options: ArrayOptions): TensorLike;
  later(
    models: readonly TensorLike[],
    base: TensorLike,
    options: ArrayOptions,
  ): Promise<TensorLike>;
}

function call<O extends ArrayOptions>(
  name: string,
  method: ((models: readonly TensorLike[], options: O) => TensorLike) & {
    async: (models: readonly TensorLike[], options: O) => Promise<TensorLike>;
  },
  settings: object,
): Call {
  const all = (base: TensorLike, options: ArrayOptions) =>
    ({ base, ...settings, ...options }) as never;
  return {
    name,
    now: (models, base, options) => method(models, all(base, options)),
    later: (models, base, options) => method.async(models, all(base, options)),
  };
}

const CALLS: readonly Call[] = [
  call("linear", linear, { weight: [0.7, 0.4] }),
  {
    name: "slerp",
    now: ([a, b], _, options) => slerp(a, b, { t: 0.4, ...options }),
    later: ([a, b], _, options) => slerp.async(a, b, { t: 0.4, ...options }),
  },
  call("taskArithmetic", taskArithmetic, { weight: [0.7, 0.4], lambda: 0.9 }),
  call("ties", ties, { density: [0.5, 0.8] }),
  call("dare", dare, { density: 0.5, seed: 3, name: "w" }),
  call("dare with ties", dare, { density: 0.5, ties: true }),
  {
    name: "mergeTensors",
    now: (models, base, options) => mergeTensors("model_stock", models, { base, ...options }),
    later: (models, base, options) =>
      mergeTensors.async("model_stock", models, { base, ...options }),
  },
];

/** Finite random tensors; with a skew their bytes start off any alignment. */
function inputs(dtype: FloatDtype, length: number, skew = 0): [Tensor, Tensor, Tensor] {
  const random = new Random(length + 7);
  const next = () => makeTensor(dtype, length, random, skew, false);
  return [next(), next(), next()];
}

function bytes(of: TensorLike): string {
  const plain = of instanceof Float32Array ? tensor("F32", of) : of;
  return Buffer.from(bytesOf(plain)).toString("latin1");
}

function floats(values: number[]): Float32Array {
  return Float32Array.from(values);
}

describe.each(CALLS)("$name", ({ now, later }) => {
  test("leaves its inputs as they are, and shares no memory with them", () => {
    for (const backend of BACKENDS) {
      const all = inputs("F32", 1000).map(({ data }) => Float32Array.from(data));
      const before = all.map(bytes);
      const result = now(all.slice(0, 2), all[2], { backend }) as Float32Array;
      result.fill(7);
      expect(all.map(bytes)).toEqual(before);
    }
  });

  test("gives a Float32Array for Float32Arrays, a tensor for tensors", () => {
    const [a, b, base] = inputs("F32", 24);
    const plain = [a, b, base].map(({ data }) => Float32Array.from(floatsOf(data)));
    const fromPlain = now(plain.slice(0, 2), plain[2], {});
    expect(fromPlain).toBeInstanceOf(Float32Array);
    const shaped = [a, b, base].map((each) => tensor("F32", each.data, [4, 6]));
    const fromTensors = now(shaped.slice(0, 2), shaped[2], {}) as Tensor;
    expect(fromTensors).toMatchObject({ dtype: "F32", shape: [4, 6] });
    expect(bytes(fromTensors)).toBe(bytes(fromPlain));
  });

  function floatsOf(data: Tensor["data"]): Float32Array {
    const { buffer, byteOffset, byteLength } = data;
    return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
  }

  test.each(DTYPES)("is the same on all backends, now and as a promise: %s", async (dtype) => {
    const [a, b, base] = inputs(dtype, 70_001, 3);
    const want = bytes(now([a, b], base, { backend: "reference" }));
    expect(bytes(now([a, b], base, { backend: BACKENDS[0], threads: 3 }))).toBe(want);
    for (const backend of BACKENDS) {
      expect(bytes(await later([a, b], base, { backend }))).toBe(want);
    }
  });

  test("converts to the dtype that is asked for, else keeps that of base or first model", () => {
    const [a] = inputs("F32", 50);
    const [b] = inputs("F16", 50);
    const [base] = inputs("BF16", 50);
    const kept = now([a, b], base, {}) as Tensor;
    expect(["F32", "BF16"]).toContain(kept.dtype);
    for (const dtype of DTYPES) {
      const results = BACKENDS.map((backend) => now([a, b], base, { dtype, backend }) as Tensor);
      expect(results[0].dtype).toBe(dtype);
      expect(bytes(results[0])).toBe(bytes(results[results.length - 1]));
    }
  });

  test("works on tensors without elements", () => {
    for (const backend of BACKENDS) {
      const empty = tensor("BF16", new Uint16Array(0), [0, 3]);
      const result = now([empty, empty], empty, { backend }) as Tensor;
      expect(result).toMatchObject({ dtype: "BF16", shape: [0, 3] });
      expect(result.data).toHaveLength(0);
    }
  });

  test("many promises at once give what each gives alone", async () => {
    const [a, b, base] = inputs("BF16", 5000);
    const want = bytes(now([a, b], base, {}));
    const all = await Promise.all(Array.from({ length: 40 }, () => later([a, b], base, {})));
    expect(new Set(all.map(bytes))).toEqual(new Set([want]));
  });

  test("refuses other shapes", async () => {
    const [a] = inputs("F32", 24);
    const other = tensor("F32", a.data, [4, 6]);
    expect((await refusal(() => now([a, other], a, {}))).code).toBe("SHAPE_MISMATCH");
    expect((await refusal(() => later([a, inputs("F32", 23)[0]], a, {}))).code).toBe(
      "SHAPE_MISMATCH",
    );
  });
});

describe("a cancelled promise", () => {
  test.each(BACKENDS)("rejects when the signal was aborted before: %s", async (backend) => {
    const [a, b] = inputs("F32", 10);
    const reason = new Error("enough");
    const options = { backend, signal: AbortSignal.abort(reason) };
    const error = await refusal(() => linear.async([a, b], options));
    expect(error).toMatchObject({ code: "ABORTED", name: "AbortError", cause: reason });
  });

  test.each(BACKENDS)("rejects when the signal is aborted on the way: %s", async (backend) => {
    const large = new Float32Array(30_000_000);
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 5);
    const options = { base: large, density: 0.5, backend, threads: 1, signal: abort.signal };
    const error = await refusal(() => ties.async([large, large, large], options));
    expect(error).toMatchObject({ code: "ABORTED", name: "AbortError" });
  });
});

describe("laws", () => {
  const value = fc.integer({ min: -64, max: 64 }).map((n) => n / 64);
  const array = fc.array(value, { maxLength: 70 }).map(floats);
  const two = fc.nat(70).chain((n) => fc.tuple(...[0, 1, 2].map(() => list(n))));
  function list(length: number) {
    return fc.array(value, { minLength: length, maxLength: length }).map(floats);
  }
  const signed = fc.float({ noNaN: true, noDefaultInfinity: true }).map((n) => (n === 0 ? -0 : n));

  /** Parameters with which a method is defined on equal models. */
  const PARAMETERS: Record<string, Record<string, number>> = {
    slerp: { t: 0.3 },
    nearswap: { t: 0.001 },
    passthrough: {},
  };
  const COUNTS: Record<string, number> = { passthrough: 1, nearswap: 1, arcee_fusion: 1 };
  const names = [...METHODS.keys()];

  test.each(names)("equal models give that model, bit for bit: %s", (method) => {
    const count = COUNTS[method] ?? 2;
    fc.assert(
      fc.property(array, (x) => {
        const { base: role } = METHODS.get(method)!;
        const base = role === "required" ? { base: x } : {};
        const parameters = PARAMETERS[method] ?? {};
        for (const backend of BACKENDS) {
          const models = Array<TensorLike>(count).fill(x);
          const result = mergeTensors(method, models, { ...base, parameters, backend });
          expect(bytes(result)).toBe(bytes(x));
        }
      }),
      { numRuns: 40 },
    );
  });

  test("equal models keep the sign of zero and the smallest numbers", () => {
    fc.assert(
      fc.property(fc.array(signed, { maxLength: 20 }), (values) => {
        const x = floats(values);
        expect(bytes(linear([x, x, x], { weight: [0.3, 0.3, 0.1] }))).toBe(bytes(x));
        expect(bytes(ties([x, x], { base: x, density: 0.5 }))).toBe(bytes(x));
        expect(bytes(taskArithmetic([x], { base: x, weight: 0.7 }))).toBe(bytes(x));
      }),
    );
  });

  test("slerp gives its ends at t = 0 and t = 1", () => {
    fc.assert(
      fc.property(two, ([a, b]) => {
        expect(bytes(slerp(a, b, { t: 0 }))).toBe(bytes(a));
        expect(bytes(slerp(a, b, { t: 1 }))).toBe(bytes(b));
      }),
    );
  });

  test("weights (1, 0) are a copy, NaN and all", () => {
    const odd = new Float32Array(Uint32Array.of(0x7f800001, 0xffc12345, 0x80000000, 1).buffer);
    const other = floats([1, 2, 3, 4]);
    for (const backend of BACKENDS) {
      expect(bytes(linear([odd, other], { weight: [1, 0], backend }))).toBe(bytes(odd));
      expect(bytes(linear([other, odd], { weight: [0, 5], backend }))).toBe(bytes(odd));
      expect(bytes(ties([other], { base: odd, weight: 0, backend }))).toBe(bytes(odd));
    }
  });

  test("density 1 trims nothing: the random methods are those without masks", () => {
    fc.assert(
      fc.property(two, ([a, b, base]) => {
        const sum = taskArithmetic([a, b], { base, weight: [0.5, 0.25] });
        expect(bytes(dare([a, b], { base, weight: [0.5, 0.25], density: 1, seed: 5 }))).toBe(
          bytes(sum),
        );
        const normalized = { base, density: 1, normalize: true };
        const elected = ties([a, b], normalized);
        expect(bytes(dare([a, b], { ...normalized, ties: true, seed: 9 }))).toBe(bytes(elected));
        expect(bytes(ties([a, b], { ...normalized, density: 2.5 }))).toBe(bytes(elected));
      }),
    );
  });

  test("ties keeps exactly the number of elements that the density says", () => {
    const lengths = fc.integer({ min: 1, max: 3000 });
    const densities = fc.double({ min: 0.001, max: 1, noNaN: true });
    fc.assert(
      fc.property(lengths, densities, (length, density) => {
        const base = new Float32Array(length);
        const random = new Random(length);
        // Coarse and never zero: many equal magnitudes, of which only some are kept.
        const x = base.map(() => ((random.word() % 4) + 1) * (random.word() % 2 === 0 ? 1 : -1));
        const kept = (ties([x], { base, density }) as Float32Array).filter((v) => v !== 0).length;
        expect(kept).toBe(Math.max(1, density >= 1 ? length : Math.floor(density * length)));
      }),
      { numRuns: 60 },
    );
  });

  test("dare keeps about the share that the density says, and rescales to keep the sum", () => {
    const base = new Float32Array(100_000);
    const ones = new Float32Array(100_000).fill(1);
    const result = dare([ones], { base, density: 0.3, seed: 11 }) as Float32Array;
    const kept = result.filter((each) => each !== 0);
    expect(kept.length / 100_000).toBeCloseTo(0.3, 2);
    expect(kept.every((each) => each === kept[0])).toBe(true);
    expect(kept[0]).toBeCloseTo(100_000 / kept.length, 4);
    const plain = dare([ones], { base, density: 0.3, seed: 11, rescale: false }) as Float32Array;
    expect(plain).toEqual(result.map((each) => (each === 0 ? 0 : 1)));
  });

  test("dare's mask depends on seed and name, and on nothing else", () => {
    const [a, , base] = inputs("F32", 1000);
    const masked = (seed: number | bigint, name: string, threads: number) => {
      return bytes(dare([a], { base, density: 0.5, seed, name, threads }));
    };
    expect(masked(1, "w", 1)).toBe(masked(1n, "w", 4));
    expect(masked(1, "w", 1)).not.toBe(masked(2, "w", 1));
    expect(masked(1, "w", 1)).not.toBe(masked(1, "v", 1));
    expect(masked(0, "w", 1)).not.toBe(masked(2 ** 32, "w", 1));
  });

  test("two equal weights do not mind the order of the models", () => {
    fc.assert(
      fc.property(two, ([a, b, base]) => {
        expect(bytes(linear([a, b]))).toBe(bytes(linear([b, a])));
        expect(bytes(ties([a, b], { base }))).toBe(bytes(ties([b, a], { base })));
      }),
    );
  });

  test("lambda 0 and weights of 0 give the base", () => {
    fc.assert(
      fc.property(two, ([a, b, base]) => {
        expect(bytes(taskArithmetic([a, b], { base, lambda: 0 }))).toBe(bytes(base));
        expect(bytes(ties([a, b], { base, weight: 0 }))).toBe(bytes(base));
      }),
    );
  });

  test("a mean of small integers is exact", () => {
    const [a, b] = [floats([1, 2, 3]), floats([3, 6, -3])];
    expect(linear([a, b])).toEqual(floats([2, 4, 0]));
    expect(linear([a, b], { normalize: false })).toEqual(floats([4, 8, 0]));
    expect(linear([a, b], { weight: [1, 3] })).toEqual(floats([2.5, 5, -1.5]));
    const base = floats([1, 1, 1]);
    expect(taskArithmetic([a, b], { base, weight: [1, 0.5] })).toEqual(floats([2, 4.5, 1]));
    expect(ties([a, b], { base })).toEqual(floats([3, 4, -3]));
  });
});

describe("wrong arguments are MergeErrors", () => {
  const f = floats([1, 2]);
  const T = (dtype: unknown, data: unknown, shape?: unknown) => {
    return () => tensor(dtype as FloatDtype, data as Float32Array, shape as number[]);
  };
  const any = (value: unknown) => value as never;
  const detached = new Float32Array(2);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const grown = (Buffer: unknown) => {
    const make = Buffer as new (length: number, options: object) => ArrayBuffer;
    return new Float32Array(new make(8, { maxByteLength: 64 }));
  };

  const TENSORS: [string, () => unknown][] = [
    ["a dtype that is none", T("F33", f)],
    ["a dtype that is no float", T("I32", f)],
    ["a dtype that every object has", T("toString", f)],
    ["no data", T("F32", undefined)],
    ["a plain array", T("F32", [1, 2])],
    ["a DataView", T("F32", new DataView(new ArrayBuffer(8)))],
    ["a Float64Array", T("F32", new Float64Array(2))],
    ["an Int32Array", T("F32", new Int32Array(2))],
    ["an array of another width", T("F16", f)],
    ["bytes that are no whole elements", T("F32", new Uint8Array(7))],
    ["a shape of another size", T("F32", f, [3])],
    ["a negative shape", T("F32", f, [-1, -2])],
    ["a fractional shape", T("F32", f, [0.5, 4])],
    ["a number as shape", T("F32", f, 2)],
    ["a text as shape", T("F32", f, "2")],
    ["a resizable buffer", T("F32", grown(ArrayBuffer))],
    ["a growable shared buffer", T("F32", grown(SharedArrayBuffer))],
    ["a shared buffer", T("F32", new Float32Array(new SharedArrayBuffer(8)))],
    ["a detached buffer", T("F32", detached)],
  ];
  test.each(TENSORS)("tensor(): %s", async (_, run) => {
    expect((await refusal(run)).code).toBe("ARGUMENT");
  });

  const OTHERS: [string, (options: object) => unknown, ErrorCode?][] = [
    ["null for models", (o) => linear(any(null), o)],
    ["an object for models", (o) => linear(any({}), o)],
    ["one array for models", (o) => linear(any(f), o)],
    ["a text for models", (o) => linear(any("ab"), o)],
    ["a plain array among the models", (o) => linear(any([f, [1, 2]]), o)],
    ["undefined among the models", (o) => linear(any([f, undefined]), o)],
    ["a resizable array", (o) => linear([grown(ArrayBuffer), f], o)],
    ["a shared array", (o) => linear([new Float32Array(new SharedArrayBuffer(8)), f], o)],
    ["detached arrays", (o) => linear([detached, detached], o)],
    [
      "an object like a tensor",
      (o) => linear(any([{ dtype: "F32", data: [1, 2], shape: [2] }]), o),
    ],
    ["a tensor with a shape that lies", (o) => linear([{ dtype: "F32", data: f, shape: [3] }], o)],
    ["null for options", () => linear([f], any(null))],
    ["a number for options", () => linear([f], any(7))],
    ["a dtype that is none", (o) => linear([f], { ...o, dtype: any("F64") })],
    ["an integer dtype", (o) => linear([f], { ...o, dtype: any("I32") })],
    ["a dtype that every object has", (o) => linear([f], { ...o, dtype: any("valueOf") })],
    ["no weights", (o) => linear([f, f], { ...o, weight: [] })],
    ["too few weights", (o) => linear([f, f], { ...o, weight: [1] })],
    ["a text for a weight", (o) => linear([f], { ...o, weight: any("x") })],
    ["a typed array for weights", (o) => linear([f, f], { ...o, weight: any(f) })],
    ["a symbol for a weight", (o) => linear([f], { ...o, weight: any(Symbol("x")) })],
    ["a text for a flag", (o) => linear([f], { ...o, normalize: any("no") })],
    ["no t", (o) => slerp(f, f, any(o))],
    ["a text for t", (o) => slerp(f, f, { ...o, t: any("0.5") })],
    ["null for the base", (o) => ties([f], { ...o, base: any(null) })],
    ["a fractional seed", (o) => dare([f], { ...o, base: f, seed: 1.5 })],
    ["a text for the seed", (o) => dare([f], { ...o, base: f, seed: any("x") })],
    ["a negative seed", (o) => dare([f], { ...o, base: f, seed: -1 })],
    ["a seed beyond 64 bits", (o) => dare([f], { ...o, base: f, seed: 2n ** 64n })],
    ["a symbol for the name", (o) => dare([f], { ...o, base: f, name: any(Symbol("x")) })],
    ["a random source that is none", (o) => general({ ...o, random: any("dice") })],
    ["threads 0", (o) => linear([f], { ...o, threads: 0 })],
    ["no whole number of threads", (o) => linear([f], { ...o, threads: 1.5 })],
    ["a signal that is none", (o) => linear.async([f], { ...o, signal: any(5) })],
    ["a weight of NaN", (o) => linear([f], { ...o, weight: Number.NaN }), "OUT_OF_RANGE"],
    ["an infinite weight", (o) => linear([f], { ...o, weight: Infinity }), "OUT_OF_RANGE"],
    ["weights that sum to 0", (o) => linear([f, f], { ...o, weight: [1, -1] }), "OUT_OF_RANGE"],
    ["a negative density", (o) => ties([f], { ...o, base: f, density: -1 }), "OUT_OF_RANGE"],
    ["a density of 0", (o) => ties([f], { ...o, base: f, density: 0 }), "OUT_OF_RANGE"],
    ["no models", (o) => linear([], o), "MODEL_COUNT"],
    ["300 models", (o) => linear(Array<Float32Array>(300).fill(f), o), "MODEL_COUNT"],
    ["no base", (o) => ties([f], any(o)), "BASE_MODEL"],
    ["an isa that is none", (o) => linear([f], { ...o, isa: "mmx" }), "BACKEND"],
    ["a backend that is none", () => linear([f], { backend: any("cuda") }), "BACKEND"],
    ["a method that is none", (o) => mergeTensors("best", [f], o), "UNKNOWN_METHOD"],
    ["a parameter that is none", (o) => general({ ...o, parameters: { x: 1 } }), "UNKNOWN_KEY"],
  ];
  function general(options: object) {
    return mergeTensors("dare_linear", [f], { base: f, ...options });
  }

  describe.each(BACKENDS)("%s", (backend) => {
    test.each(OTHERS)("%s", async (_, run, code = "ARGUMENT") => {
      expect((await refusal(() => run({ backend }))).code).toBe(code);
    });
  });

  test("the promise form never throws, it rejects", async () => {
    const promise = linear.async([], {});
    await expect(promise).rejects.toBeInstanceOf(MergeError);
  });
});

test("what would be copied is converted where another dtype is asked for", () => {
  const out = mergeTensors("linear", [Float32Array.of(1, 2.5)], { dtype: "F16" }) as Tensor;
  expect([out.dtype, [...bytesOf(out)]]).toEqual(["F16", [0x00, 0x3c, 0x00, 0x41]]);
});

test("nearswap stays with the base where t is negative", () => {
  const [base, x] = [Float32Array.of(1, 2), Float32Array.of(1.5, -2)];
  for (const backend of BACKENDS) {
    const options = { base, parameters: { t: -1 }, backend };
    expect(mergeTensors("nearswap", [x], options)).toEqual(base);
  }
});
