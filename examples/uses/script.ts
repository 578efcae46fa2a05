/** A merge from a program: the recipe is an object with the keys of mergekit's YAML. */
import { join } from "node:path";
import { MergeError, merge, openModel, type RecipeObject } from "weightloom";

const models = join(import.meta.dirname, "../../examples/models");

const recipe: RecipeObject = {
  merge_method: "ties",
  base_model: join(models, "base"),
  models: ["reverse", "sort", "add"].map((name) => ({ model: join(models, name) })),
  parameters: { density: 0.5, weight: 1, normalize: false, lambda: 0.5 },
  dtype: "bfloat16",
};

let seen = 0;
const { plan, backend, nonfinite } = await merge(recipe, {
  out: "out/script",
  overwrite: true,
  onProgress: ({ bytesDone, bytesTotal }) => {
    seen = bytesDone / bytesTotal;
  },
});
console.log(`${plan.steps.length} tensors by ${backend}, ${Math.round(100 * seen)} % seen`);
if (nonfinite.length > 0) console.log("not finite:", nonfinite);

const norm = openModel("out/script").read("model.norm.weight");
console.log(`model.norm.weight begins with ${norm.slice(0, 3).join(", ")}`);

// What is wrong with a recipe comes all at once, each with its place and what to do.
try {
  await merge(
    { ...recipe, base_model: "nowhere", dtype: "float8" as "float32" },
    { out: "out/no" },
  );
} catch (error) {
  if (!(error instanceof MergeError)) throw error;
  for (const { code, message } of error.problems) console.log(`${code}: ${message}`);
}
