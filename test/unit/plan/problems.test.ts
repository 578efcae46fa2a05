import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ErrorCode } from "../../../lib/errors.ts";
import { plan } from "../../../lib/merge.ts";
import { defineMethod } from "../../../lib/methods/custom.ts";
import type { RecipeObject } from "../../../lib/recipe-object.ts";
import { llama, makeLlama, makeModel, refusal, useFolder } from "../../make.ts";

const folder = useFolder("problems");
const a = makeLlama(join(folder, "a"), { layers: 3, seed: 1 });
const b = makeLlama(join(folder, "b"), { layers: 3, seed: 2 });
const F32 = { dtype: "F32", shape: [2] } as const;

function yaml(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe("problems of a recipe file", () => {
  test("are all told at once, each with its line and column", async () => {
    const recipe = yaml(
      "two.yml",
      `merge_method: linear
models:
  - model: ${folder}/nowhere
    parameters: {weight: 1}
  - model: ${a}
    parameters: {weight: 1}
  - model: ${folder}/neither
    parameters: {weight: 1}
chat_template: auto
`,
    );
    const error = await refusal(() => plan(recipe));
    expect(error.code).toBe("SEVERAL_PROBLEMS");
    const seen = error.problems.map(({ code, place }) => `${code} ${place?.line}:${place?.column}`);
    expect(seen.sort()).toEqual(["MODEL_NOT_FOUND 3:5", "MODEL_NOT_FOUND 7:5"]);
    expect(error.problems.every(({ place }) => place?.file === recipe)).toBe(true);
    expect(error.message).toContain(`${recipe}:3:5: no model lies at ${folder}/nowhere`);
  });

  test("about layers name the source", async () => {
    const recipe = yaml(
      "range.yml",
      `merge_method: passthrough
slices:
  - sources: [{model: ${a}, layer_range: [0, 4]}]
  - sources:
      - model: ${b}
        layer_range: [3, 5]
`,
    );
    const error = await refusal(() => plan(recipe));
    expect(error.problems.map(({ code, place }) => [code, place?.line])).toEqual([
      ["LAYER_RANGE", 3],
      ["LAYER_RANGE", 5],
    ]);
  });

  test("name the broken model file, not the recipe, where that is the matter", async () => {
    const broken = join(folder, "broken");
    mkdirSync(broken);
    writeFileSync(join(broken, "model.safetensors"), "version https://git-lfs...");
    const error = await refusal(() =>
      plan({ merge_method: "passthrough", models: [{ model: broken }] }),
    );
    expect(error.code).toBe("HEADER_TOO_LARGE");
    expect(error.place?.file).toBe(join(broken, "model.safetensors"));
  });

  test("a model that is listed often and missing is told once", async () => {
    const models = Array.from({ length: 3 }, () => ({ model: join(folder, "nowhere") }));
    const error = await refusal(() =>
      plan({ merge_method: "linear", models, parameters: { weight: 1 } }),
    );
    expect(error.problems).toHaveLength(1);
  });

  test("a name as the hub has them is looked for in the cache", async () => {
    const recipe: RecipeObject = { merge_method: "passthrough", models: [{ model: "owner/name" }] };
    const error = await refusal(() => plan(recipe, { offline: true, cacheDir: folder }));
    expect(error.code).toBe("NOT_IN_CACHE");
    expect(error.message).toContain(`owner/name@main is no local path`);
    expect(error.hint).toContain("hf download owner/name");
    expect(error.place?.path).toBe("models[0]");
  });

  test("a bare name that is nowhere is a wrong path", async () => {
    const recipe: RecipeObject = { merge_method: "passthrough", models: [{ model: "nowhere" }] };
    const error = await refusal(() => plan(recipe, { cacheDir: folder }));
    expect(error.code).toBe("MODEL_NOT_FOUND");
  });
});

describe("problems of tensors", () => {
  test("of different causes are told together, one for each cause", async () => {
    const odd = makeModel(join(folder, "odd"), {
      ...llama({ layers: 3 }),
      "model.layers.0.mlp.up_proj.weight": { dtype: "BF16", shape: [2, 2] },
      "model.norm.weight": { dtype: "F64", shape: [8] },
      extra: F32,
    });
    const models = [a, odd].map((model) => ({ model, parameters: { weight: 1 } }));
    const error = await refusal(() => plan({ merge_method: "linear", models }));
    expect(error.problems.map(({ code }) => code).sort()).toEqual([
      "DTYPE_UNSUPPORTED",
      "MISSING_TENSOR",
      "SHAPE_MISMATCH",
    ]);
  });

  const MISSING: [string, RecipeObject][] = [
    [
      "whole models",
      {
        merge_method: "linear",
        models: [
          { model: a, parameters: { weight: [{ filter: "mlp", value: 1 }] } },
          { model: b, parameters: { weight: 1 } },
        ],
      },
    ],
    [
      "slices, where layers change their numbers",
      {
        merge_method: "linear",
        slices: [
          {
            sources: [
              { model: a, layer_range: [1, 3] },
              { model: b, layer_range: [1, 3] },
            ],
          },
        ],
        parameters: { weight: [{ filter: "mlp", value: 1 }] },
      },
    ],
    [
      "a parameter of the merge",
      {
        merge_method: "slerp",
        base_model: a,
        models: [{ model: a }, { model: b }],
        parameters: { t: [{ filter: "mlp", value: 0.5 }] },
      },
    ],
  ];
  test.each(MISSING)("a parameter without value is told once: %s", async (_, recipe) => {
    const error = await refusal(() => plan(recipe));
    expect(error.code).toBe("MISSING_PARAMETER");
    expect(error.problems).toHaveLength(1);
    expect(error.message).toMatch(/and \d+ more like it/);
    expect(error.hint).toContain("without a filter");
  });

  const RANGES: [string, RecipeObject][] = [
    [
      "the weights of a normalized mean sum to 0",
      {
        merge_method: "linear",
        models: [
          { model: a, parameters: { weight: 1 } },
          { model: b, parameters: { weight: -1 } },
        ],
      },
    ],
    [
      "a density of 0 trims everything",
      {
        merge_method: "ties",
        base_model: a,
        models: [{ model: b, parameters: { weight: 1, density: 0 } }],
      },
    ],
  ];
  test.each(RANGES)("%s", async (_, recipe) => {
    const error = await refusal(() => plan(recipe));
    expect(error.code).toBe("OUT_OF_RANGE");
    expect(error.problems).toHaveLength(1);
  });

  test("a weight beyond binary32 is told", async () => {
    const models = [{ model: a, parameters: { weight: 1e300 } }];
    const error = await refusal(() => plan({ merge_method: "linear", models }));
    expect(error.code).toBe("OUT_OF_RANGE");
    expect(error.message).toMatch(/^weight: 1e\+300 is beyond binary32/);
  });

  test("what a custom method throws is its own error", async () => {
    const method = defineMethod({ name: "broken", combine() {} });
    const broken = {
      ...method,
      lower() {
        throw new TypeError("not lowered");
      },
    };
    const recipe = { merge_method: "broken", models: [{ model: a }] };
    await expect(plan(recipe, { methods: [broken] })).rejects.toThrow(new TypeError("not lowered"));
  });

  test("a model without tensors yields nothing to merge", async () => {
    const empty = makeModel(join(folder, "empty"), {});
    const error = await refusal(() =>
      plan({ merge_method: "passthrough", models: [{ model: empty }] }),
    );
    expect(error.code).toBe("NO_TENSORS");
  });
});

describe("what is not built yet is refused by name", () => {
  const passthrough = { merge_method: "passthrough", models: [{ model: a }] };
  const CASES: [string, object, ErrorCode][] = [
    ["tokenizer_source", { ...passthrough, tokenizer_source: "union" }, "UNSUPPORTED"],
    ["tokenizer", { ...passthrough, tokenizer: { source: "union" } }, "UNSUPPORTED"],
    ["chat_template", { ...passthrough, chat_template: "llama3" }, "UNSUPPORTED"],
    ["LoRA", { ...passthrough, models: [{ model: `${a}+adapter` }] }, "UNSUPPORTED"],
    ["revisions", { ...passthrough, models: [{ model: `${a}@main` }] }, "UNSUPPORTED"],
  ];
  test.each(CASES)("%s", async (name, recipe, code) => {
    const error = await refusal(() => plan(recipe as RecipeObject));
    expect(error.code).toBe(code);
    expect(error.message.toLowerCase()).toContain(name.toLowerCase());
  });
});

describe("arguments", () => {
  const recipe: RecipeObject = { merge_method: "passthrough", models: [{ model: a }] };
  test.each([-1, 1.5, 2 ** 53, Number.NaN, -1n, 2n ** 64n, "7" as unknown as number])(
    "seed %s is refused",
    async (seed) => expect((await refusal(() => plan(recipe, { seed }))).code).toBe("ARGUMENT"),
  );

  test.each([-1, 0.5, Number.POSITIVE_INFINITY, "1" as unknown as number])(
    "shardSize %s is refused",
    async (shardSize) =>
      expect((await refusal(() => plan(recipe, { shardSize }))).code).toBe("ARGUMENT"),
  );

  const circular: Record<string, unknown> = { merge_method: "passthrough" };
  circular.models = circular;
  test.each([
    ["undefined", undefined],
    ["null", null],
    ["a number", 7],
    ["a list", []],
    ["an empty object", {}],
    ["a circular object", circular],
    ["an object with a bigint", { ...recipe, name: 1n }],
    ["an object with a function", { ...recipe, models: () => [] }],
  ])("%s is no recipe, which is a MergeError with a problem", async (_, value) => {
    const error = await refusal(() => plan(value as unknown as RecipeObject));
    expect(error.problems.length).toBeGreaterThan(0);
    expect(error.code).not.toBe("INTERNAL");
  });
});
