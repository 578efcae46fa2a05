import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type DiffOptions, diff } from "../../lib/diff.ts";
import { BACKENDS } from "../backends.ts";
import { makeModel, makeSparse, refusal, type Tensors, useFolder } from "../make.ts";
import { askOften } from "../ticks.ts";

const folder = useFolder("diff");
const values = (...of: number[]) => ({ dtype: "F32", shape: [of.length], values: of }) as const;
let models = 0;
const model = (tensors: Tensors, options = {}) => {
  return makeModel(join(folder, `model-${++models}`), tensors, options);
};
const WEIGHTS: Tensors = {
  "layers.0.w": { dtype: "BF16", shape: [300, 300] },
  "layers.1.w": { dtype: "BF16", shape: [40, 30] },
  ids: { dtype: "I64", shape: [4], values: [1, 2, 3, 4] },
};
const same = [model(WEIGHTS), model(WEIGHTS, { shards: 2, config: { other: true } })];
const one = async (a: Tensors, b: Tensors, options: DiffOptions = {}) => {
  const found = await diff([model(a), model(b)], options);
  return { ...found, difference: found.tensors[0].differences[0], tensor: found.tensors[0] };
};

describe.each(BACKENDS)("on the %s backend", (backend) => {
  test("models of the same bytes are the same, however they lie in files", async () => {
    const found = await diff(same, { backend });
    expect(found).toMatchObject({ same: true, mismatches: [], base: null, models: same });
    expect(found.tensors.map(({ tensor }) => tensor)).toEqual(Object.keys(WEIGHTS));
    for (const { differences } of found.tensors) {
      expect(differences).toMatchObject([{ model: 1, identical: true, equal: 1 }]);
    }
    expect(found.whole.differences).toMatchObject([
      { model: 1, maxDelta: 0, relativeL2: 0, cosine: 1 },
    ]);
  });

  test("figures are those of their definitions", async () => {
    const {
      difference,
      tensor,
      same: alike,
    } = await one({ w: values(3, 0, 4, 1) }, { w: values(3, 2, 4, -1) }, { backend });
    expect(alike).toBe(false);
    expect(difference).toEqual({
      model: 1,
      identical: false,
      equal: 0.5,
      maxDelta: 2,
      meanDelta: 1,
      relativeL2: Math.sqrt(8) / Math.sqrt(26),
      cosine: 24 / (Math.sqrt(26) * Math.sqrt(30)),
      redundancy: null,
      top20: null,
    });
    expect(tensor).toMatchObject({ signConflicts: null, changed: null, cancelled: null });
    expect(tensor.cosines).toEqual([
      [1, difference.cosine],
      [difference.cosine, 1],
    ]);
  });

  test("with a base the figures are those of task vectors", async () => {
    const base = model({ w: values(1, 1, 1, 1, 1) });
    const tasks = [
      model({ w: values(2, 1, 3, 1, 1) }),
      model({ w: values(0, 1, 2, 1, 1) }),
      model({ w: values(1, 1, 1, 2, 1) }),
    ];
    const found = await diff(tasks, { base, backend });
    const [tensor] = found.tensors;
    expect(found).toMatchObject({ same: false, base, models: tasks });
    expect(tensor.signConflicts).toBeCloseTo(1 / 5);
    expect(tensor.changed).toBeCloseTo(3 / 5);
    // |1 − 1 + 0| + 0 + |2 + 1| + |1| of 3 + 2 + 1
    expect(tensor.cancelled).toBeCloseTo(1 - 4 / 6);
    expect(tensor.differences.map(({ model: at }) => at)).toEqual([0, 1, 2]);
    expect(tensor.cosines[0][1]).toBeCloseTo((-1 + 2) / (Math.sqrt(5) * Math.sqrt(2)));
    expect(tensor.cosines[0][2]).toBe(0);
    expect(tensor.cosines[2][2]).toBe(1);
    // Two elements hold everything; of the smaller one's square 0.05 may be lost.
    expect(tensor.differences[0].redundancy).toBeCloseTo((3 + 0.05 / 1) / 5, 2);
    expect(tensor.differences[0].top20).toBeCloseTo(4 / 5, 1);
    expect(found.whole.cosines).toEqual(tensor.cosines);
  });

  test("one model can be compared with a base", async () => {
    const found = await diff([same[1]], { base: same[0], backend });
    expect(found).toMatchObject({ same: true, models: [same[1]] });
    const { differences, signConflicts, changed, cosines } = found.whole;
    expect({ signConflicts, changed, cosines }).toEqual({
      signConflicts: null,
      changed: 0,
      cosines: [[null]],
    });
    expect(differences).toMatchObject([{ model: 0, redundancy: null, top20: null }]);
  });

  test("dtypes that differ are compared by their values, but are not the same", async () => {
    const { difference, same: alike } = await one(
      { w: { dtype: "BF16", shape: [3], values: [1, 2, 3] } },
      { w: { dtype: "F32", shape: [3], values: [1, 2, 3.5] } },
      { backend },
    );
    expect(alike).toBe(false);
    expect(difference).toMatchObject({ identical: false, maxDelta: 0.5, equal: 2 / 3 });
  });

  test("integers are compared by their bytes", async () => {
    const integers = (...of: number[]) =>
      ({ n: { dtype: "I32", shape: [2], values: of } }) as const;
    const { difference } = await one(integers(1, 2), integers(1, 258), { backend });
    expect(difference).toMatchObject({
      identical: false,
      equal: 7 / 8,
      maxDelta: null,
      cosine: null,
    });
  });

  test("what is not finite is left out, and counted", async () => {
    const { difference, tensor } = await one(
      { w: values(1, Number.NaN, 2, Number.POSITIVE_INFINITY) },
      { w: values(2, 5, 2, Number.POSITIVE_INFINITY) },
      { backend },
    );
    expect(tensor.nonfinite).toBe(2);
    expect(difference).toMatchObject({ maxDelta: 1, meanDelta: 0.5, equal: 0.5 });
    expect(difference.relativeL2).toBeCloseTo(1 / Math.sqrt(5));
  });

  test("NaN that decode alike are told apart by their bytes", async () => {
    const half = (low: number) => {
      return { w: { dtype: "F16", shape: [1], bytes: Uint8Array.of(low, 0x7e) } } as const;
    };
    const signalling = { w: { dtype: "F16", shape: [1], bytes: Uint8Array.of(1, 0x7c) } } as const;
    const options = { backend };
    expect((await one(half(1), signalling, options)).difference).toMatchObject({
      identical: false,
      equal: 1,
    });
    expect((await one(half(1), half(1), options)).same).toBe(true);
  });

  test("a tensor without elements is the same", async () => {
    const empty = { w: { dtype: "F32", shape: [0, 4] } } as const;
    expect(await one(empty, empty, { backend })).toMatchObject({ same: true });
  });

  test("a zero tensor has no direction", async () => {
    const { difference } = await one({ w: values(0, 0) }, { w: values(1, 0) }, { backend });
    expect(difference).toMatchObject({ relativeL2: null, cosine: null, maxDelta: 1 });
  });
});

describe("tensors that do not fit", () => {
  test("are told by model with the reason, and the others are compared", async () => {
    const found = await diff([
      model({ a: values(1), b: values(1), c: values(1, 2), d: values(1) }),
      model({ a: values(2), c: values(1), d: { dtype: "I32", shape: [1], values: [1] } }),
      model({ a: values(3), b: values(2), c: values(1, 3), d: values(1), e: values(1) }),
    ]);
    expect(found.same).toBe(false);
    expect(found.mismatches.map(({ detail: _, ...each }) => each)).toEqual([
      { tensor: "b", model: 1, reason: "missing" },
      { tensor: "c", model: 1, reason: "shape" },
      { tensor: "d", model: 1, reason: "dtype" },
      { tensor: "e", model: 0, reason: "missing" },
    ]);
    expect(found.mismatches[1].detail).toBe("F32 [1], not F32 [2]");
    const compared = found.tensors.map(({ tensor, differences }) => {
      return [tensor, differences.map((each) => each.model)];
    });
    expect(compared).toEqual([
      ["a", [1, 2]],
      ["b", [2]],
      ["c", [2]],
      ["d", [2]],
    ]);
    // The figures of the whole are over what all have.
    expect(found.whole.differences.map(({ maxDelta }) => maxDelta)).toEqual([1, 2]);
  });

  test("make models different even when all that was compared is the same", async () => {
    expect(
      (await diff([model({ a: values(1), b: values(1) }), model({ a: values(1) })])).same,
    ).toBe(false);
    expect(
      (await diff([model({ a: values(1) }), model({ a: values(1), b: values(1) })])).same,
    ).toBe(false);
  });

  test("of the base are told with no model", async () => {
    const base = model({ a: values(1) });
    const found = await diff([model({ a: values(1), b: values(1) })], { base });
    expect(found.mismatches).toMatchObject([{ tensor: "b", model: null, reason: "missing" }]);
  });
});

test("threads and ways of reading change nothing", async () => {
  const random = (seed: number): Tensors => ({
    w: { dtype: "BF16", shape: [500, 300], seed },
    v: { dtype: "F16", shape: [1000], seed },
  });
  const several = [1, 2, 3].map((seed) => model(random(seed)));
  const base = model(random(4));
  const want = await diff(several, { base, threads: 1 });
  const ways: DiffOptions[] = [
    { threads: 7 },
    { io: "pread" },
    { backend: "reference" },
    { isa: "scalar" },
  ];
  for (const way of ways) expect(await diff(several, { base, ...way })).toEqual(want);
});

describe("mistakes", () => {
  test.each([
    [[], {}],
    [same.slice(0, 1), {}],
    [[], { base: same[0] }],
    [Array(33).fill(same[0]), {}],
  ])("%# models are refused", async (paths, options) => {
    expect(await refusal(() => diff(paths, options))).toMatchObject({
      code: "ARGUMENT",
      message: expect.stringContaining("models: "),
    });
  });

  test("a model that is not there is named", async () => {
    const nowhere = join(folder, "nowhere");
    expect(await refusal(() => diff([same[0], nowhere]))).toMatchObject({
      code: "MODEL_NOT_FOUND",
      place: { file: nowhere },
    });
  });

  test("an input that changes meanwhile ends it", async () => {
    const changing = model(WEIGHTS);
    const touch = () => writeFileSync(join(changing, "model.safetensors"), "x");
    const error = await refusal(() => diff([same[0], changing], { onProgress: touch }));
    expect(error.code).toBe("INPUT_CHANGED");
  });
});

test.each(BACKENDS)("a signal cancels it (%s)", async (backend) => {
  const large = ["a", "b"].map((name) => {
    return makeSparse(join(folder, `large-${name}-${backend}`), {
      w: { dtype: "F32", shape: [2 ** 26] },
    });
  });
  const abort = new AbortController();
  askOften();
  const run = diff(large, {
    backend,
    signal: abort.signal,
    onProgress: () => abort.abort(),
  });
  expect(await refusal(() => run)).toMatchObject({ code: "ABORTED", name: "AbortError" });
});

test("tells its progress up to the end", async () => {
  const run = diff(same);
  let last: { bytesDone: number; bytesTotal: number } | undefined;
  for await (const each of run) last = each;
  const bytes = 2 * (2 * 300 * 300 + 2 * 40 * 30 + 32);
  expect(last).toMatchObject({ bytesDone: bytes, bytesTotal: bytes });
});

test("models without tensors are the same", async () => {
  const [p, q] = ["p", "q"].map((name) => makeModel(join(folder, `empty-${name}`), {}));
  const seen: unknown[] = [];
  const found = await diff([p, q], { onProgress: (each) => seen.push(each) });
  expect(found).toMatchObject({ same: true, tensors: [], mismatches: [] });
  expect(seen).toEqual([{ bytesDone: 0, bytesTotal: 0, tensor: "" }]);
});
