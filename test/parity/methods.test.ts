/**
 * Every method, on every target of this machine, against the reference: equal bits. Lengths around
 * every vector width and block; odd byte offsets; NaN, infinities, denormals and -0 among the values.
 */
import { describe, expect, test } from "vitest";
import type { FloatDtype } from "../../lib/format/dtype.ts";
import { loadAddon } from "../../lib/run/addon.ts";
import type { Tensor } from "../../lib/tensor.ts";
import { bytesOf } from "../../lib/tensor.ts";
import { CASES, type Case, cases } from "./cases.ts";
import { makeTensor, Random } from "./values.ts";

const SHORT = [0, 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1000];
/** A dtype of a case has one of these; every case and every dtype has each. */
const BLOCK = [65_535, 65_536, 65_537];
const BLOCKS = 150_001;
const THREADS = [1, 2, 7];
const DTYPES: readonly (FloatDtype | "mixed")[] = ["F32", "F16", "BF16", "mixed"];
const MIXED: readonly FloatDtype[] = ["BF16", "F32", "F16", "F8_E4M3", "F8_E5M2"];

const { addon } = loadAddon();
const targets = addon?.targets ?? [];

test("the native backend is there to be compared", () => {
  expect(targets).toContain("scalar");
});

test("every operation of the table has a case", () => {
  expect(new Set(CASES.map((each) => each.method))).toEqual(cases.methods);
});

function inputs(
  dtype: FloatDtype | "mixed",
  length: number,
  count: number,
  seed: number,
): Tensor[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, i) =>
    makeTensor(dtype === "mixed" ? MIXED[i % MIXED.length] : dtype, length, random, i + 1),
  );
}

function firstDifference(a: Tensor, b: Tensor): string {
  const x = bytesOf(a);
  const y = bytesOf(b);
  if (Buffer.compare(x, y) === 0) return "";
  const at = x.findIndex((byte, i) => byte !== y[i]);
  return `byte ${at} of ${x.length}: ${x[at]} against ${y[at]}`;
}

function compare(each: Case, dtype: FloatDtype | "mixed", length: number): string[] {
  const models = inputs(dtype, length, each.models + 1, length * 31 + each.models);
  const want = each.run(models, { backend: "reference" }) as Tensor;
  const wrong: string[] = [];
  for (const isa of targets) {
    for (const threads of length > 1000 ? THREADS : [1]) {
      const got = each.run(models, { backend: "native", isa, threads }) as Tensor;
      const difference = firstDifference(got, want);
      if (difference !== "") wrong.push(`${isa}, ${threads} threads: ${difference}`);
    }
  }
  return wrong;
}

CASES.forEach((each, i) => {
  describe(each.name, () => {
    DTYPES.forEach((dtype, k) => {
      const block = BLOCK[(i + k) % BLOCK.length];
      test.each([...SHORT, block, BLOCKS])(`${dtype} × %i`, (length) => {
        expect(compare(each, dtype, length)).toEqual([]);
      });
    });
  });
});

describe.each(["linear", "task_arithmetic"])("%s of more than the caches hold", (method) => {
  const each = CASES.find((one) => one.method === method) as Case;
  test.each(["F32", "BF16"] as const)("%s", (dtype) => {
    const length = (dtype === "F32" ? 1 : 2) * 2 ** 22 + 5;
    expect(compare(each, dtype, length)).toEqual([]);
  });
});
