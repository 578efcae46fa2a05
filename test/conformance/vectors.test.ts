/** mergekit's results on eight elements, method by method, through recipes on both backends. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serializeHeader } from "../../lib/format/header.ts";
import { merge } from "../../lib/merge.ts";
import { METHODS } from "../../lib/methods/index.ts";
import { openModel } from "../../lib/model.ts";
import { BACKENDS } from "../backends.ts";
import { SHAPE, TENSORS, VECTORS, type Vector } from "./vectors.ts";

const ABSOLUTE = 2e-6;
/** Bound on the L2 distance where the elements do not bind, as for the golden merges. */
const RELATIVE = 1e-5;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "weightloom-vectors-"));
  for (const [name, values] of Object.entries(TENSORS)) writeModel(join(folder, name), values);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A model with the one tensor `w`. */
function writeModel(path: string, values: readonly number[]): void {
  const count = values.length;
  const form = { dtype: "F32", shape: SHAPE, count, begin: 0, end: 4 * count } as const;
  const header = serializeHeader([{ name: "w", ...form }]);
  mkdirSync(path);
  const data = new Uint8Array(Float32Array.from(values).buffer);
  writeFileSync(join(path, "model.safetensors"), Buffer.concat([header, data]));
}

/** The recipe, as YAML in the form of JSON. */
function recipeOf({ method, models, base, parameters, dtype }: Vector): string {
  return JSON.stringify({
    merge_method: method,
    ...(base === undefined ? {} : { base_model: join(folder, base) }),
    models: Object.entries(models).map(([name, values]) => ({
      model: join(folder, name),
      parameters: values,
    })),
    parameters: parameters ?? {},
    dtype: dtype ?? "float32",
  });
}

async function run(vector: Vector, backend: "native" | "reference"): Promise<Float32Array> {
  const place = mkdtempSync(join(folder, "run-"));
  const recipe = join(place, "recipe.yml");
  writeFileSync(recipe, recipeOf(vector));
  const out = join(place, "out");
  await merge(recipe, { out, backend, seed: 0, random: "torch-cpu", sync: false });
  const model = openModel(out);
  const dtype = vector.dtype === undefined ? "F32" : "BF16";
  expect(model.tensors.get("w")).toMatchObject({ shape: SHAPE, dtype });
  return model.read("w");
}

/** One unit in the last place of bfloat16, which has eight significant bits. */
function ulp(value: number): number {
  return 2 ** (Math.floor(Math.log2(Math.abs(value))) - 7);
}

function numbers(text: string): number[] {
  const values = text.split(" ").map(Number);
  expect(values).toHaveLength(SHAPE[0] * SHAPE[1]);
  return values;
}

function misses(got: Float32Array, { expected, exact, dtype }: Vector): string[] {
  return numbers(exact ?? expected).flatMap((value, i) => {
    const limit = dtype === undefined ? ABSOLUTE : ulp(value);
    return Math.abs(got[i] - value) <= limit ? [] : [`[${i}] ${got[i]}, not ${value}`];
  });
}

function relativeDistance(got: Float32Array, want: readonly number[]): number {
  return Math.hypot(...want.map((value, i) => value - got[i])) / Math.hypot(...want);
}

test("there are 37, and they cover every method but passthrough", () => {
  expect(VECTORS.length).toBe(37);
  const methods = new Set(VECTORS.map(({ method }) => method));
  expect([...METHODS.keys()].filter((name) => !methods.has(name))).toEqual(["passthrough"]);
});

describe.each(BACKENDS)("on %s", (backend) => {
  test.each(VECTORS)("$name", async (vector) => {
    const got = await run(vector, backend);
    expect(misses(got, vector)).toEqual([]);
    if (vector.exact === undefined) return;
    expect(relativeDistance(got, numbers(vector.expected))).toBeLessThanOrEqual(RELATIVE);
  });
});
