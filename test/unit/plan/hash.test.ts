import { cpSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { plan } from "../../../lib/merge.ts";
import type { RecipeObject } from "../../../lib/recipe-object.ts";
import { llama, makeLlama, makeModel, useFolder } from "../../make.ts";

const folder = useFolder("hash");
const a = makeLlama(join(folder, "a"), { seed: 1 });
const b = makeLlama(join(folder, "b"), { seed: 2 });

function ties(first: string, second: string, weight = 0.5): RecipeObject {
  return {
    merge_method: "ties",
    base_model: first,
    models: [{ model: second, parameters: { weight, density: 0.5 } }],
  };
}

async function hashOf(recipe: RecipeObject, options = {}): Promise<string> {
  return (await plan(recipe, options)).hash;
}

let KNOWN = "";
beforeAll(async () => {
  KNOWN = await hashOf(ties(a, b));
});

describe("the plan's hash", () => {
  test("is SHA-256 in hexadecimal, the same each time", async () => {
    expect(KNOWN).toMatch(/^[0-9a-f]{64}$/);
    expect(await hashOf(ties(a, b))).toBe(KNOWN);
  });

  test("does not depend on where the models lie, nor on their times", async () => {
    const copies = [a, b].map((model, i) => {
      const copy = join(folder, `elsewhere-${i}`);
      cpSync(model, copy, { recursive: true });
      utimesSync(join(copy, "model.safetensors"), 1, 1);
      return copy;
    });
    expect(await hashOf(ties(copies[0], copies[1]))).toBe(KNOWN);
  });

  test("does not depend on how the recipe is written", async () => {
    const { models, ...rest } = ties(a, b);
    const filters = [{ filter: "model", value: 0.5 }, { value: [0.5, 0.5] }];
    const other: RecipeObject = {
      parameters: { weight: filters, density: 0.5 },
      models: models!.map(({ model }) => ({ model })),
      ...rest,
    };
    expect(await hashOf(other)).toBe(KNOWN);
  });

  const OTHERS: [string, () => Promise<string>][] = [
    ["weight", () => hashOf(ties(a, b, 0.25))],
    ["seed", () => hashOf(ties(a, b), { seed: 1 })],
    ["size of shards", () => hashOf(ties(a, b), { shardSize: 1000 })],
    ["dtype", () => hashOf({ ...ties(a, b), dtype: "float32" })],
    ["method", () => hashOf({ ...ties(a, b), merge_method: "dare_ties" })],
    ["model taken twice", () => hashOf(ties(a, a))],
    ["header", () => hashOf(ties(a, makeModel(join(folder, "other"), llama(), { shards: 2 })))],
  ];
  test("differs for another header with the same tensors", async () => {
    const { "lm_head.weight": head, ...rest } = llama();
    const turned = makeModel(join(folder, "turned"), { "lm_head.weight": head, ...rest });
    expect(await hashOf(ties(a, turned))).not.toBe(KNOWN);
  });
  test.each(OTHERS)("differs for another %s", async (_, other) => {
    expect(await other()).not.toBe(KNOWN);
  });

  test("differs by the seed also where the seed is large", async () => {
    const seeds = [2n ** 63n, 2n ** 64n - 1n, 2n ** 53n, 2n ** 53n + 1n];
    const hashes = await Promise.all(seeds.map((seed) => hashOf(ties(a, b), { seed })));
    expect(new Set(hashes).size).toBe(seeds.length);
    expect((await plan(ties(a, b), { seed: 2n ** 64n - 1n })).seed).toBe("18446744073709551615");
  });
});

test("a plan is plain data: JSON and back leaves it as it was", async () => {
  const made = await plan(ties(a, b));
  expect(JSON.parse(JSON.stringify(made))).toEqual(made);
});
