/** Merges that mergekit made of the example models, made again on both backends. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OpenedModel } from "../../lib/model.ts";
import { BACKENDS } from "../backends.ts";
import { CASES, type GoldenCase, runCase, type TensorFacts } from "./golden-cases.ts";
import { ABSOLUTE, type Limits, limitsOf, RELATIVE } from "./golden-limits.ts";
import { type TensorOutcomes, tiesOutcomes } from "./golden-ties.ts";

/** `meta.json` gives sums and norms with eight digits. */
const DIGITS = 5.1e-8;
/** Bit of `undetermined.safetensors`: a sign vote that is zero up to rounding. */
const NEAR_TIED_VOTE = 2;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "weightloom-golden-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** How many, and the first few. */
function brief(wrong: readonly string[]): string[] {
  return wrong.length > 4 ? [`${wrong.length} in all`, ...wrong.slice(0, 4)] : [...wrong];
}

/** Elements of `got` that are further from `want` than they may be, where `counts` says so. */
function misses(
  got: Float32Array,
  want: Float32Array,
  limits: Pick<Limits, "element">,
  counts: (i: number) => boolean = () => true,
): string[] {
  expect(got.length).toBe(want.length);
  const wrong: string[] = [];
  for (let i = 0; i < want.length; i++) {
    const near = Math.abs(got[i] - want[i]) <= limits.element(i);
    if (!near && counts(i)) wrong.push(`[${i}] ${got[i]}, not ${want[i]}`);
  }
  return brief(wrong);
}

function relativeDistance(got: Float32Array, want: Float32Array): number {
  let squares = 0;
  let size = 0;
  for (let i = 0; i < want.length; i++) {
    squares += (got[i] - want[i]) ** 2;
    size += want[i] ** 2;
  }
  return Math.sqrt(squares / size);
}

function factsOf(values: Float32Array): Pick<TensorFacts, "sum" | "l2" | "absmax"> {
  let sum = 0;
  let squares = 0;
  let absmax = 0;
  for (const value of values) {
    sum += value;
    squares += value ** 2;
    absmax = Math.max(absmax, Math.abs(value));
  }
  return { sum, l2: Math.sqrt(squares), absmax };
}

/** What is wrong with a tensor by its line in `meta.json`. */
function factMisses(values: Float32Array, want: TensorFacts, limits: Limits): string[] {
  const got = factsOf(values);
  const wrong = (["sum", "l2", "absmax"] as const)
    .filter((fact) => {
      const limit = limits[fact] + DIGITS * Math.abs(want[fact]);
      return !(Math.abs(got[fact] - want[fact]) <= limit);
    })
    .map((fact) => `${fact} ${got[fact]}, not ${want[fact]}`);
  const places = want.at
    .filter(([i, value]) => !(Math.abs(values[i] - value) <= limits.element(i)))
    .map(([i, value]) => `[${i}] ${values[i]}, not ${value}`);
  return [...wrong, ...places];
}

/** Whether the method allows this value at element `i`. */
function allows({ first, open }: TensorOutcomes, i: number, value: number): boolean {
  const outcomes = open.get(i) ?? [first[i]];
  return outcomes.some((outcome) => Math.abs(outcome - value) <= ABSOLUTE);
}

function compareWithGolden(merged: OpenedModel, golden: GoldenCase): void {
  const file = golden.open("golden.safetensors");
  const limits = limitsOf(golden);
  const marks = golden.meta.undetermined_elements && golden.open("undetermined.safetensors");
  expect(file.tensors.size).toBeGreaterThanOrEqual(8);
  for (const name of file.tensors.keys()) {
    const got = merged.read(name);
    const want = file.read(name);
    const mask = marks?.bytes(name);
    const isKnown = mask && ((i: number) => mask[i] === 0);
    expect(misses(got, want, limits(name), isKnown), name).toEqual([]);
    const exact = golden.meta.out_dtype === "float32" && marks === undefined;
    if (exact) expect(relativeDistance(got, want), name).toBeLessThanOrEqual(RELATIVE);
  }
}

function compareWithMeta(merged: OpenedModel, golden: GoldenCase): void {
  const limits = limitsOf(golden);
  const { tensors, out_dtype } = golden.meta;
  const dtype = out_dtype === "float32" ? "F32" : "BF16";
  expect([...merged.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
  for (const [name, want] of Object.entries(tensors)) {
    expect(merged.tensors.get(name), name).toMatchObject({ shape: want.shape, dtype });
    expect(factMisses(merged.read(name), want, limits(name)), name).toEqual([]);
  }
}

test("the cases of the fixtures are found", () => {
  expect(CASES.length).toBeGreaterThanOrEqual(10);
});

describe.each(BACKENDS)("on %s", (backend) => {
  const merges = new Map<string, Promise<OpenedModel>>();
  const merged = (golden: GoldenCase) => {
    const made = merges.get(golden.name) ?? runCase(golden, backend, folder);
    merges.set(golden.name, made);
    return made;
  };

  describe.each(CASES)("$name", (golden) => {
    test("has mergekit's tensors", async () => {
      compareWithGolden(await merged(golden), golden);
    });

    test("has mergekit's sums, norms and single values in every tensor", async () => {
      compareWithMeta(await merged(golden), golden);
    });
  });

  describe.each(CASES.filter(({ meta }) => meta.undetermined_elements))("$name", (golden) => {
    const outcomes = tiesOutcomes(golden);

    test("has mergekit's tensors with a stable sort", async () => {
      const file = golden.open("golden-stable-sort.safetensors");
      const marks = golden.open("undetermined.safetensors");
      for (const name of file.tensors.keys()) {
        const got = (await merged(golden)).read(name);
        const mask = marks.bytes(name);
        const counts = (i: number) => (mask[i] & NEAR_TIED_VOTE) === 0;
        const limits = { element: () => ABSOLUTE };
        expect(misses(got, file.read(name), limits, counts), name).toEqual([]);
      }
    });

    test("has a value that the method allows at every element", async () => {
      for (const [name, { at }] of Object.entries(golden.meta.tensors)) {
        const allowed = outcomes(name);
        const values = (await merged(golden)).read(name);
        const wrong = values.findIndex((value, i) => !allows(allowed, i, value));
        expect(wrong, name).toBe(-1);
        for (const [i, value] of at) expect(allows(allowed, i, value), name).toBe(true);
      }
    });
  });
});

describe.each(CASES.filter(({ meta }) => meta.undetermined_elements))("$name", (golden) => {
  const outcomes = tiesOutcomes(golden);

  test("is open where the fixtures say so", () => {
    const marks = golden.open("undetermined.safetensors");
    for (const name of marks.tensors.keys()) {
      const marked = [...marks.bytes(name).entries()].filter(([, mark]) => mark !== 0);
      expect([...outcomes(name).open.keys()], name).toEqual(marked.map(([i]) => i));
    }
  });

  test("is open at as many elements as the fixtures say", () => {
    const names = Object.keys(golden.meta.tensors);
    const counts = names.map((name) => [name, outcomes(name).open.size]);
    expect(Object.fromEntries(counts)).toEqual(golden.meta.undetermined_elements);
  });
});
