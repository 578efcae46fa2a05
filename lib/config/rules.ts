import { printable } from "../errors.ts";
import type { Method, ParameterSpec } from "../methods/types.ts";
import type { Check } from "./check.ts";
import { join } from "./document.ts";
import { formatReference, sameReference, UNREADABLE } from "./reference.ts";
import type { ModelReference, Parameters, Recipe, RecipeBody, RecipeModel } from "./types.ts";

const HINT = "set it under `parameters:`";

/** What is merged together: the models of a body, or the sources of one slice. */
interface Group {
  path: string;
  base: ModelReference | undefined;
  entries: readonly RecipeModel[];
  /** Whether a base model that is not listed takes part all the same. */
  joins: boolean;
  /** Parameters around the entries, inner levels first. */
  levels: readonly Parameters[];
}

/** Checks a recipe against what its method says of base model, model count and parameters. */
export function checkRules(check: Check, recipe: Recipe, method: Method): void {
  const groups = groupsOf(recipe).filter(({ entries }) => entries.length > 0);
  const needsBase = method.base === "required" || method.base === "among";
  if (needsBase && groups.some(({ base }) => base === undefined)) {
    const hint = "add `base_model:` at the top of the recipe";
    check.fail("BASE_MODEL", "", `\`${method.name}\` needs a base model, and there is none`, hint);
  }
  checkPolicies(check, recipe);
  for (const group of groups) {
    checkGlobals(check, group, method);
    if (!isClear(group, method)) continue;
    checkBase(check, group, method);
    checkCount(check, group, method);
    checkEntries(check, group, method);
  }
}

/** The policy `base` needs a base model. */
function checkPolicies(check: Check, { baseModel, onMissing, onMismatch }: Recipe): void {
  if (baseModel !== undefined) return;
  for (const [key, rules] of [
    ["on_missing", onMissing],
    ["on_mismatch", onMismatch],
  ] as const) {
    if (!rules?.some(({ value }) => value === "base")) continue;
    const hint = "add `base_model:` at the top of the recipe";
    check.fail("BASE_MODEL", key, "`base` needs a base model, and there is none", hint);
  }
}

/** Whether it can be told which of the entries is the base. */
function isClear({ base, entries }: Group, method: Method): boolean {
  if (method.base === "ignored") return true;
  if (base === undefined) return method.base !== "required" && method.base !== "among";
  return base !== UNREADABLE && !entries.some(({ model }) => model === UNREADABLE);
}

function groupsOf(recipe: Recipe): Group[] {
  if (recipe.body !== undefined) return bodyGroups(recipe, recipe.body, "");
  const modules = recipe.modules as Required<Recipe>["modules"];
  return Object.entries(modules).flatMap(([name, body]) => {
    return bodyGroups(recipe, body, join("modules", name));
  });
}

function bodyGroups(recipe: Recipe, body: RecipeBody, path: string): Group[] {
  const outer = [body.parameters, recipe.parameters];
  const base = recipe.baseModel;
  if (body.models !== undefined) {
    const { models: entries } = body;
    const at = join(path, "models");
    return [{ path: at, base, entries, joins: true, levels: outer }];
  }
  return body.slices.map((slice, i) => {
    const at = join(join(path, "slices"), i);
    return {
      path: at,
      base: slice.baseModel ?? base,
      entries: slice.sources,
      joins: false,
      levels: [slice.parameters, ...outer],
    };
  });
}

/** Position of the entry that is the base; a model listed again is a model like the others. */
function baseEntry(group: Group, method: Method): number {
  const { base } = group;
  if (base === undefined || method.base === "ignored") return -1;
  return group.entries.findIndex(({ model }) => sameReference(model, base));
}

function checkBase(check: Check, group: Group, method: Method): void {
  const { base, path } = group;
  if (base === undefined || method.base === "ignored") return;
  if (baseEntry(group, method) !== -1 || (group.joins && method.base !== "among")) return;
  const name = printable(formatReference(base));
  if (method.base === "optional") {
    check.note(path, `merged without a base, since the base model ${name} is no source of it`);
    return;
  }
  const message = `the base model of \`${method.name}\` must be one of these, found ${name}`;
  const hint = group.joins ? "list it under `models:`" : "add it as a source with its layer_range";
  check.fail("BASE_MODEL", path, message, hint);
}

function checkCount(check: Check, group: Group, method: Method): void {
  const { min, max } = method.models;
  const apart = method.base !== "among" && baseEntry(group, method) !== -1;
  const count = group.entries.length - (apart ? 1 : 0);
  if (count >= min && count <= max) return;
  const least = max === Number.POSITIVE_INFINITY ? `at least ${min}` : `from ${min} to ${max}`;
  const expected = min === max ? `exactly ${min}` : least;
  const beside = method.base === "required" || method.base === "optional" ? ", base apart" : "";
  const noun = min === 1 && max === 1 ? "model" : "models";
  const message = `\`${method.name}\` takes ${expected} ${noun}${beside}; found ${count}`;
  check.fail("MODEL_COUNT", group.path, message);
}

function checkGlobals(check: Check, group: Group, method: Method): void {
  for (const { name } of required(group, method, "global")) {
    const message = `\`${method.name}\` needs the parameter \`${name}\`, and it has no value`;
    check.fail("MISSING_PARAMETER", group.path, message, HINT);
  }
}

function checkEntries(check: Check, group: Group, method: Method): void {
  const base = baseEntry(group, method);
  for (const { name } of required(group, method, "model")) {
    group.entries.forEach(({ model, parameters, place }, i) => {
      if (i === base || model === UNREADABLE || parameters[name] !== undefined) return;
      const message = `\`${method.name}\` needs the parameter \`${name}\` of this model`;
      check.fail("MISSING_PARAMETER", place.path as string, message, HINT);
    });
  }
}

/** Required parameters of a scope that have no value around the entries of the group. */
function required(
  { levels }: Group,
  method: Method,
  scope: ParameterSpec["scope"],
): readonly ParameterSpec[] {
  return method.parameters.filter((spec) => {
    const needed = spec.default === undefined && !spec.optional && spec.scope === scope;
    return needed && levels.every((level) => level[spec.name] === undefined);
  });
}
