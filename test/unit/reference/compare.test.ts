/** The reference of `compare` against plain definitions. */
import { describe, expect, test } from "vitest";
import { numbersOf } from "../../../lib/reference/compare.ts";
import { referenceBackend } from "../../../lib/reference/index.ts";
import { refusal } from "../../make.ts";
import { Random } from "../../parity/values.ts";

const OPTIONS = { isa: "", threads: 1, sync: false, io: "mmap" } as const;

function compare(models: readonly Float32Array[], task: boolean): number[] {
  const memory = new Uint8Array(8 * numbersOf(models.length - 1));
  const inputs = models.map((_, source) => ({ source, offset: 0, dtype: "F32" }) as const);
  referenceBackend.executeSync(
    {
      sources: models.map((each) => ({ memory: new Uint8Array(each.buffer) })),
      outputs: [{ memory }],
      steps: [
        {
          tensor: "w",
          dtype: "F32",
          count: models[0].length,
          output: 0,
          offset: 0,
          inputs,
          operation: { op: "compare", task },
        },
      ],
    },
    OPTIONS,
  );
  return [...new Float64Array(memory.buffer)];
}

const random = new Random(7);
const vector = (length: number, like?: Float32Array, by = 1) => {
  return Float32Array.from({ length }, (_, i) => (like?.[i] ?? 0) + by * random.number());
};
const sum = (of: Iterable<number>) => [...of].reduce((total, each) => total + each, 0);
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  return sum(Array.from(a, (x, i) => x * b[i]));
};

const base = vector(10_000);
const models = [vector(10_000, base, 0.1), vector(10_000, base, 0.2), vector(10_000, base, 0.05)];
models[0].set(base.subarray(0, 1000));
const deltas = models.map((x) => Float32Array.from(x, (value, i) => value - base[i]));
const PAIRS = [
  [0, 1],
  [0, 2],
  [1, 2],
];

test("sums, maxima and counts are those of the definitions", () => {
  const numbers = compare([base, ...models], true);
  expect(numbers[0]).toBe(0);
  expect(numbers[1]).toBeCloseTo(dot(base, base), 6);
  models.forEach((x, m) => {
    const [equal, largest, absolute, squares, product, own] = numbers.slice(5 + 8 * m);
    expect(equal).toBe(x.filter((value, i) => value === base[i]).length);
    expect(largest).toBe(Math.max(...deltas[m].map(Math.abs)));
    expect(absolute).toBeCloseTo(sum(deltas[m].map(Math.abs)), 6);
    expect(squares).toBeCloseTo(dot(deltas[m], deltas[m]), 6);
    expect(product).toBeCloseTo(dot(base, x), 6);
    expect(own).toBeCloseTo(dot(x, x), 6);
  });
  PAIRS.forEach(([i, j], k) => {
    expect(numbers[29 + k]).toBeCloseTo(dot(deltas[i], deltas[j]), 6);
    expect(compare([base, ...models], false)[29 + k]).toBeCloseTo(dot(models[i], models[j]), 6);
  });
});

test("conflicts are elements whose deltas have both signs", () => {
  const [, , conflicts, active, combined] = compare([base, ...models], true);
  const signs = Array.from(base, (_, i) => new Set(deltas.map((d) => Math.sign(d[i]))));
  expect(conflicts).toBe(signs.filter((each) => each.has(1) && each.has(-1)).length);
  expect(active).toBe(signs.filter((each) => each.has(1) || each.has(-1)).length);
  const sums = Array.from(base, (_, i) => Math.abs(sum(deltas.map((d) => d[i]))));
  expect(combined).toBeCloseTo(sum(sums), 1);
});

describe("redundancy and the top", () => {
  /** The same from sorted magnitudes, without bins. */
  function sorted(delta: Float32Array): { redundancy: number; top: number } {
    const squares = [...delta].map((d) => d * d).sort((a, b) => a - b);
    const total = sum(squares);
    let lost = 0;
    const redundant = squares.findIndex((each) => {
      lost += each;
      return lost > 0.01 * total;
    });
    const top = sum(squares.slice(Math.floor(0.8 * squares.length))) / total;
    return { redundancy: redundant / squares.length, top };
  }
  const normal = () => sum(Array.from({ length: 12 }, () => random.number()));
  const SHAPES: Record<string, () => number> = {
    normal,
    uniform: () => random.number(),
    sparse: () => (random.word() % 10 === 0 ? normal() : 0),
    heavy: () => normal() ** 3,
  };
  test.each(Object.entries(SHAPES))(
    "of %s deltas are what sorting tells, within 0.01",
    (_, draw) => {
      const delta = Float32Array.from({ length: 20_000 }, draw);
      const numbers = compare([new Float32Array(20_000), delta], true);
      const { redundancy, top } = sorted(delta);
      expect(Math.abs(numbers[11] - redundancy)).toBeLessThan(0.01);
      expect(Math.abs(numbers[12] - top)).toBeLessThan(0.01);
    },
  );

  test("of no delta are 0", () => {
    const numbers = compare([base, base.slice()], true);
    expect([numbers[5], ...numbers.slice(6, 9), numbers[11], numbers[12]]).toEqual([
      10_000, 0, 0, 0, 0, 0,
    ]);
  });
});

test("elements that are not finite are left out for all, and counted once", () => {
  const a = Float32Array.of(1, Number.NaN, 3, 4, 5);
  const b = Float32Array.of(2, 2, Number.POSITIVE_INFINITY, 4, 5);
  const c = Float32Array.of(3, Number.NaN, 3, Number.NEGATIVE_INFINITY, 6);
  const numbers = compare([a, b, c], false);
  expect(numbers[0]).toBe(3);
  expect(numbers[1]).toBe(1 + 25);
  expect(numbers.slice(5, 11)).toEqual([2, 1, 1, 1, 2 + 25, 4 + 25]);
  // NaN of equal bits are equal.
  expect(numbers.slice(13, 19)).toEqual([2, 2, 3, 5, 3 + 30, 9 + 36]);
  expect(numbers[21]).toBe(6 + 30);
});

test.each([
  ["a single model", 1, { memory: new Uint8Array(200) }, "two inputs"],
  ["numbers that go nowhere", 2, { nowhere: true, size: 200 }, "to memory"],
] as const)("%s is refused", async (_, models, output, message) => {
  const source = { memory: new Uint8Array(8) };
  const inputs = Array.from(
    { length: models },
    () => ({ source: 0, offset: 0, dtype: "F32" }) as const,
  );
  const operation = { op: "compare", task: false } as const;
  const step = {
    tensor: "w",
    dtype: "F32",
    count: 2,
    output: 0,
    offset: 0,
    inputs,
    operation,
  } as const;
  const work = { sources: [source], outputs: [output], steps: [step] };
  const error = await refusal(() => referenceBackend.executeSync(work, OPTIONS));
  expect(error).toMatchObject({ code: "ARGUMENT", message: expect.stringContaining(message) });
});
