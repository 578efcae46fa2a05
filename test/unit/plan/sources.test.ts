import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { plan } from "../../../lib/merge.ts";
import { type LocatedModels, openModels } from "../../../lib/plan/sources.ts";
import { makeLlama, refusal, useFolder } from "../../make.ts";

const folder = useFolder("sources");

test("a model is found beside its recipe, and both places are told where it is not", async () => {
  const model = makeLlama(join(folder, "deep/er/model"));
  const recipe = join(folder, "recipe.yml");
  const text = "merge_method: passthrough\nmodels: [{model: deep/er/model}]\n";
  writeFileSync(recipe, text);
  const { sources } = await plan(recipe);
  expect(sources.map(({ path }) => path)).toEqual([join(model, "model.safetensors")]);
  mkdirSync(join(folder, "other"));
  writeFileSync(join(folder, "other/recipe.yml"), text);
  const { hint } = await refusal(() => plan(join(folder, "other/recipe.yml")));
  const here = join(process.cwd(), "deep/er/model");
  expect(hint).toBe(`looked at ${here} and ${join(folder, "other/deep/er/model")}`);
});

test("a defect is no problem of the recipe", () => {
  const located = {
    get() {
      throw new TypeError("a defect");
    },
  } as unknown as LocatedModels;
  const place = { path: "models[0]" };
  const models = [{ model: { path: "a" }, parameters: {}, place }];
  const recipe = { mergeMethod: "linear", body: { models, parameters: {} }, parameters: {} };
  expect(() => openModels({ ...recipe, places: {} }, { located }, [])).toThrow(TypeError);
});
