import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { recipeFromObject } from "../../lib/config/schema.ts";
import { plan } from "../../lib/merge.ts";
import { METHODS } from "../../lib/methods/index.ts";
import { type Ingredients, recipe } from "../../lib/recipe-builder.ts";
import type { MethodName, RecipeObject } from "../../lib/recipe-object.ts";
import { makeLlama, refusal, useFolder } from "../make.ts";

const folder = useFolder("builder");
const [base, a, b] = ["base", "a", "b"].map((name, seed) => {
  return makeLlama(join(folder, name), { seed: seed + 1 });
});

const task = { weight: 1, density: 0.5 };
const onBase = { normalize: true, lambda: 0.5, int8_mask: false };
const random = { ...onBase, rescale: "inverse-density", variant: "paper" } as const;
const trimmed = { ...onBase, rescale: true, variant: "paper", density_scope: "row" } as const;

/** Every parameter of every method: what the types lack, or have too much, does not compile. */
const ALL: { [M in MethodName]: Omit<Required<Ingredients<M>>, OfRecipe> } = {
  linear: { weight: 1, normalize: true },
  slerp: { t: 0.5 },
  nuslerp: { weight: 1, nuslerp_flatten: true, nuslerp_row_wise: false },
  multislerp: { weight: 1, normalize_weights: true, eps: 1e-8 },
  karcher: { max_iter: 10, tol: 1e-5 },
  passthrough: { scale: 2 },
  task_arithmetic: { ...task, ...onBase, rescale: true },
  ties: { ...task, ...trimmed, divisor: "count" },
  dare_linear: { ...task, ...random },
  dare_ties: { ...task, ...random },
  breadcrumbs: { ...task, gamma: 0.01, ...trimmed },
  breadcrumbs_ties: { ...task, gamma: 0.01, ...trimmed },
  della: { ...task, epsilon: 0.1, ...random },
  della_linear: { ...task, epsilon: 0.1, ...random },
  model_stock: { filter_wise: true },
  nearswap: { t: 0.001 },
  arcee_fusion: {},
  sce: { select_topk: 0.5, int8_mask: false },
  ram: { epsilon: 1e-5 },
  ramplus_tl: { r: 0.1, alpha: 0.2, epsilon: 1e-5 },
};

type OfRecipe =
  | "models"
  | "base"
  | "dtype"
  | "out_dtype"
  | "tokenizer_source"
  | "chat_template"
  | "on_missing"
  | "on_mismatch"
  | "embedding_rows";

function buildAny(name: string, ingredients: object): RecipeObject {
  return (recipe as Record<string, (of: object) => RecipeObject>)[name](ingredients);
}

describe.each([...METHODS.values()])("$name", (method) => {
  const one = method.models.max === 1;
  const models = method.base === "ignored" && one ? [a] : one ? [b] : [a, b];
  const needs = method.base === "required" || method.base === "among";
  const given = { models, ...(needs ? { base: method.base === "among" ? a : base } : {}) };

  test("has all of its parameters in the types, and no others", () => {
    const names = method.parameters.map(({ name }) => name).sort();
    expect(Object.keys(ALL[method.name as MethodName]).sort()).toEqual(names);
  });

  test("with all of its parameters is a recipe without remarks but for int8_mask", () => {
    const built = buildAny(method.name, { ...given, ...ALL[method.name as MethodName] });
    const { problems, notes } = recipeFromObject(built, METHODS);
    expect(problems).toEqual([]);
    expect(notes.filter((note) => !note.includes("int8_mask"))).toEqual([]);
  });

  test("with what must be given plans", async () => {
    const must = method.name === "slerp" || method.name === "nearswap" ? { t: 0.1 } : {};
    expect((await plan(buildAny(method.name, { ...given, ...must }))).method).toBe(method.name);
  });
});

test("what is undefined is as if it were not there", () => {
  const built = recipe.linear({ models: [{ model: "a" }, "b"], normalize: undefined } as never);
  expect(built).toEqual(recipe.linear({ models: ["a", "b"] }));
});

test("parameters stand by their models, or for all of them", () => {
  const built = recipe.ties({
    base: "base",
    models: ["a", { model: "b", weight: 0.5, density: [0, 1] }],
    density: 0.3,
    lambda: [{ filter: "mlp", value: 2 }],
    dtype: "bfloat16",
    on_missing: "base",
  });
  expect(built).toEqual({
    merge_method: "ties",
    base_model: "base",
    models: [{ model: "a" }, { model: "b", parameters: { weight: 0.5, density: [0, 1] } }],
    parameters: { weight: 1, density: 0.3, lambda: [{ filter: "mlp", value: 2 }] },
    dtype: "bfloat16",
    on_missing: "base",
  });
});

test("weights that are all given are left alone", () => {
  const built = recipe.linear({
    models: [
      { model: "a", weight: 2 },
      { model: "b", weight: 3 },
    ],
  });
  expect(built).not.toHaveProperty("parameters");
});

test("the base of slerp is the first model by default", () => {
  expect(recipe.slerp({ models: ["a", "b"], t: 0.5 }).base_model).toBe("a");
  expect(recipe.slerp({ models: ["a", "b"], t: 0.5, base: "b" }).base_model).toBe("b");
});

test("a parameter that the method does not have is refused, with those that it has", async () => {
  const whole = await refusal(() => buildAny("linear", { models: ["a"], density: 1 }));
  expect(whole).toMatchObject({ code: "UNKNOWN_KEY", hint: "it has weight, normalize" });
  const model = await refusal(() =>
    buildAny("ties", { base: "x", models: [{ model: "a", t: 1 }] }),
  );
  expect(model.message).toContain("a model of ties has no parameter t");
});
