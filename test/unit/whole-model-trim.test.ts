/** `density_scope: model`: the largest elements of a model's delta over all tensors at once. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { merge, plan } from "../../lib/merge.ts";
import { openModel } from "../../lib/model.ts";
import type { RecipeObject } from "../../lib/recipe-object.ts";
import { backendInfo } from "../../lib/run/backend.ts";
import { BACKENDS } from "../backends.ts";
import { makeModel, type Tensors, useFolder } from "../make.ts";

const folder = useFolder("trim");

/** Small tensors, one of several blocks, an empty one, and in it values that are often the same. */
const SHAPES: Readonly<Record<string, readonly number[]>> = {
  "a.small": [7],
  "b.none": [0, 4],
  "c.large": [300, 500],
  "d.one": [1],
  "e.mid": [40, 41],
};
const NAMES = Object.keys(SHAPES);

function countOf(name: string): number {
  return SHAPES[name].reduce((product, axis) => product * axis, 1);
}

/** Values on a coarse grid: differences are exact, and many of them are equal. */
function values(name: string, seed: number): number[] {
  let state = (seed * 2654435761 + name.charCodeAt(0)) >>> 0;
  return Array.from({ length: countOf(name) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 8) % 513) / 256 - 1;
  });
}

function model(name: string, seed: number, special: Readonly<Record<string, number>> = {}): string {
  const tensors: Tensors = Object.fromEntries(
    NAMES.map((tensor) => {
      const own = values(tensor, seed);
      if (tensor in special) own[own.length >> 1] = special[tensor];
      return [tensor, { dtype: "F32", shape: SHAPES[tensor], values: own }];
    }),
  );
  return makeModel(join(folder, name), tensors, { shards: seed === 2 ? 2 : 1 });
}

const base = model("base", 1);
const a = model("a", 2);
const b = model("b", 3, { "e.mid": Number.NaN });

function recipe(density: number, more: Partial<RecipeObject> = {}): RecipeObject {
  return {
    merge_method: "ties",
    base_model: base,
    models: [{ model: a, parameters: { weight: 1, density } }],
    parameters: { density_scope: "model", normalize: false },
    ...more,
  };
}

function bytesOf(values: Float32Array = new Float32Array()): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

async function read(path: string): Promise<Map<string, Float32Array>> {
  const opened = openModel(path);
  return new Map(NAMES.map((name) => [name, opened.read(name)]));
}

/** What one model trimmed as a whole must give: sorted, not selected. */
function expected(density: number): Map<string, number[]> {
  const all = NAMES.flatMap((name) => {
    const [from, to] = [values(name, 1), values(name, 2)];
    return from.map((value, i) => ({ name, i, value, delta: to[i] - value }));
  });
  const keep = Math.max(1, Math.floor(density * all.length));
  const order = all.map((_, at) => at);
  order.sort((x, y) => Math.abs(all[y].delta) - Math.abs(all[x].delta) || x - y);
  const kept = new Set(order.slice(0, keep));
  const result = new Map<string, number[]>(NAMES.map((name) => [name, []]));
  all.forEach(({ name, value, delta }, at) => {
    result.get(name)?.push(kept.has(at) ? value + delta : value);
  });
  return result;
}

describe.each(BACKENDS)("on %s", (backend) => {
  test.each([1e-9, 0.0001, 0.2, 0.5, 0.97, 0.999999])("density %f", async (density) => {
    const out = join(folder, `${backend}-${density}`);
    await merge(recipe(density), { out, backend, sync: false });
    const found = await read(out);
    for (const [name, want] of expected(density)) {
      const same = Buffer.from(Float32Array.from(want).buffer).equals(bytesOf(found.get(name)));
      expect(same, name).toBe(true);
    }
  });

  test("a density of 1 trims nothing", async () => {
    const out = join(folder, `${backend}-whole`);
    await merge(recipe(1), { out, backend, sync: false });
    expect((await read(out)).get("e.mid")).toEqual((await read(a)).get("e.mid"));
  });
});

const MANY = recipe(0.3, {
  models: [
    {
      model: a,
      parameters: { weight: 1, density: [{ filter: "large", value: 0.1 }, { value: 0.4 }] },
    },
    { model: b, parameters: { weight: 0.5, density: 0.3 } },
  ],
  parameters: { variant: "paper", rescale: true, lambda: 0.7 },
  dtype: "bfloat16",
});

test("bytes are the same on every backend, target, number of threads and in any shards", async () => {
  const digests = new Set<string>();
  const targets = backendInfo().targets.flatMap((isa) => {
    return [1, 2, 7].map((threads) => ({ backend: "native", isa, threads }) as const);
  });
  for (const [i, options] of [{ backend: "reference" } as const, ...targets].entries()) {
    const out = join(folder, `many-${i}`);
    const shardSize = i % 2 === 0 ? 0 : 1000;
    await merge(MANY, { out, ...options, shardSize, sync: false });
    const opened = openModel(out);
    const bytes = NAMES.map((name) => Buffer.from(opened.bytes(name)).toString("base64"));
    digests.add(bytes.join());
  }
  expect(digests.size).toBe(1);
});

test("tensors with another density are trimmed by themselves, and the plan says how", async () => {
  const { trims, steps } = await plan(MANY);
  const total = NAMES.reduce((sum, name) => sum + countOf(name), 0);
  const large = countOf("c.large");
  expect(trims).toEqual([
    { model: 0, count: total - large, keep: Math.floor(0.4 * (total - large)) },
    { model: 1, count: total, keep: Math.floor(0.3 * total) },
    { model: 0, count: large, keep: large / 10 },
  ]);
  const firsts = steps.map(({ tensor, operation }) => {
    if (operation.op !== "task") return tensor;
    return [
      tensor,
      ...operation.sparsify.map((each) => "first" in each && [each.trim, each.first]),
    ];
  });
  expect(firsts).toEqual([
    ["a.small", [0, 0], [1, 0]],
    "b.none",
    ["c.large", [2, 0], [1, 7]],
    ["d.one", [0, 7], [1, 7 + large]],
    ["e.mid", [0, 8], [1, 8 + large]],
  ]);
});

test("a model of one tensor gives what density_scope: tensor gives", async () => {
  const one = (name: string, seed: number) => {
    const tensor = { dtype: "F32", shape: [300, 500], values: values("c.large", seed) } as const;
    return makeModel(join(folder, name), { w: tensor });
  };
  const [from, to] = [one("one-base", 1), one("one-a", 2)];
  const results: unknown[] = [];
  for (const density_scope of ["model", "tensor"] as const) {
    const out = join(folder, `one-${density_scope}`);
    const parameters = { density_scope, density: 0.25, weight: 0.8 };
    const models = [{ model: to }];
    await merge(
      { merge_method: "ties", base_model: from, models, parameters },
      { out, sync: false },
    );
    results.push(openModel(out).read("w"));
  }
  expect(results[0]).toEqual(results[1]);
});
