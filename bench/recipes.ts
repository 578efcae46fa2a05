/** A recipe for every method of the table: values for the parameters that it declares. */
import { METHODS } from "../dist/methods/index.js";
import type { Method } from "../dist/methods/types.js";
import type { RecipeObject } from "../dist/recipe-object.js";

/** Values by which a method does all of its work; every other parameter keeps its default. */
const VALUES: Readonly<Record<string, number>> = {
  weight: 0.6,
  density: 0.5,
  select_topk: 0.5,
  t: 0.4,
};

/** Where the common value would be out of the method's scale. */
const VALUES_OF: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  nearswap: { t: 0.001 },
};

function settings(method: Method, scope: "global" | "model"): Record<string, number> {
  const own = { ...VALUES, ...VALUES_OF[method.name] };
  const names = method.parameters.filter((each) => each.scope === scope).map(({ name }) => name);
  return Object.fromEntries(names.filter((name) => name in own).map((name) => [name, own[name]]));
}

/** How many files the method's recipe reads: three, or the most that it takes. */
export function modelCount(name: string): number {
  const { base, models } = METHODS.get(name) as Method;
  return Math.min(3, models.max + (base === "required" ? 1 : 0));
}

/** A recipe over folders, of which the first is the base where there is one. */
export function recipeFor(name: string, folders: readonly string[]): RecipeObject {
  const method = METHODS.get(name) as Method;
  const [first] = folders;
  const apart = method.base === "required";
  const models = (apart ? folders.slice(1) : folders).map((model) => {
    return { model, parameters: settings(method, "model") };
  });
  return {
    merge_method: name,
    ...(apart || method.base === "among" ? { base_model: first } : {}),
    models,
    parameters: settings(method, "global"),
    dtype: "bfloat16",
  };
}
