/** Several documents in one recipe: which uses which, and a model that is only planned so far. */
import { join as joinPath } from "node:path";
import { donorAssets } from "../assets/index.ts";
import { nearest } from "../config/check.ts";
import type { Recipe } from "../config/types.ts";
import { MergeError, type Problem, printable, problem, throwProblems } from "../errors.ts";
import { type OpenFile, parseHeader, parsePrefix } from "../format/header.ts";
import type { Model } from "../format/model.ts";
import { gatherTensors } from "../format/tensors.ts";
import { findLocal, type LocatedModel, references } from "./sources.ts";
import type { Plan } from "./types.ts";

/** A document with the positions of those whose results it uses. */
export interface OrderedDocument {
  /** Position in the file. */
  position: number;
  /** Undefined for the one that becomes the output. */
  name: string | undefined;
  uses: readonly string[];
}

/** Names of other documents that a recipe's models mean. */
function usesOf(recipe: Recipe, names: ReadonlySet<string>): string[] {
  const used = references(recipe).map(({ reference }) => reference.path);
  return [...new Set(used.filter((path) => names.has(path)))];
}

/**
 * Documents in the order of merging; the last becomes the output: the one without a name, or the
 * only one that no other uses. Those that it does not need are left out unless `all`.
 * @throws MergeError CONFLICTING_KEYS, MISSING_KEY or CIRCULAR_RECIPE
 */
export function orderDocuments(recipes: readonly Recipe[], all: boolean): OrderedDocument[] {
  if (recipes.length === 1) return [{ position: 0, name: undefined, uses: [] }];
  checkNames(recipes);
  const positions = new Map<string, number>();
  recipes.forEach(({ name }, i) => {
    if (name !== undefined) positions.set(name, i);
  });
  const uses = recipes.map((recipe) => usesOf(recipe, new Set(positions.keys())));
  const last = outputOf(recipes, uses);
  const order: number[] = [];
  const visit = (at: number, path: readonly number[]): void => {
    if (path.includes(at)) throw circular(recipes, [...path.slice(path.indexOf(at)), at]);
    if (order.includes(at)) return;
    for (const name of uses[at]) visit(positions.get(name) as number, [...path, at]);
    order.push(at);
  };
  if (all) for (const i of recipes.keys()) if (i !== last) visit(i, []);
  visit(last, []);
  return order.map((position) => {
    const name = position === last ? undefined : recipes[position].name;
    return { position, name, uses: uses[position] };
  });
}

function checkNames(recipes: readonly Recipe[]): void {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  const unnamed = recipes.filter(({ name }) => name === undefined);
  for (const { name, places } of recipes) {
    if (name === undefined) continue;
    if (seen.has(name)) {
      const message = `two documents are named ${printable(name)}`;
      problems.push(problem("CONFLICTING_KEYS", message, "rename one of them", places.name));
    }
    seen.add(name);
  }
  for (const { places } of unnamed.slice(1)) {
    const message = "only one document can be without a name, and become the output";
    problems.push(problem("MISSING_KEY", message, "add `name:` to the others", places[""]));
  }
  throwProblems(problems, "the documents of the recipe do not fit together");
}

/** Position of the document that becomes the output. */
function outputOf(recipes: readonly Recipe[], uses: readonly (readonly string[])[]): number {
  const unnamed = recipes.findIndex(({ name }) => name === undefined);
  if (unnamed !== -1) return unnamed;
  const used = new Set(uses.flat());
  const free = recipes.flatMap(({ name }, i) => (used.has(name as string) ? [] : [i]));
  if (free.length === 1) return free[0];
  if (free.length === 0) throw circular(recipes, recipes.map((_, i) => i).slice(0, 10));
  const names = free.map((i) => printable(recipes[i].name as string)).join(", ");
  const message = `it is not clear which document becomes the output: no other uses ${names}`;
  const hint = "leave out the name of the one that is meant";
  throw new MergeError("MISSING_KEY", message, { hint, place: recipes[free[1]].places.name });
}

function circular(recipes: readonly Recipe[], circle: readonly number[]): MergeError {
  // Who is in a circle is used by its name.
  const names = circle.map((i) => printable(recipes[i].name as string));
  const message = `documents use each other's results in a circle: ${names.join(" uses ")}`;
  return new MergeError("CIRCULAR_RECIPE", message, { place: recipes[circle[0]].places[""] });
}

/** Errors for models that are nowhere and whose path is nearly the name of a document. */
export function suggestDocuments(
  recipe: Recipe,
  folder: string | undefined,
  names: readonly string[],
): Map<string, LocatedModel> {
  const located = new Map<string, LocatedModel>();
  for (const { reference } of references(recipe)) {
    const { path } = reference;
    if (names.includes(path) || findLocal(path, folder) !== undefined) continue;
    const near = nearest(path, names);
    if (near === undefined) continue;
    const message = `no model lies at ${printable(path)}, and no document has this name`;
    const hint = `did you mean the document ${printable(near)}?`;
    located.set(path, { error: new MergeError("MODEL_NOT_FOUND", message, { hint }) });
  }
  return located;
}

/** The model that a plan makes, as if it lay in `folder` already; its small files are elsewhere. */
export function plannedModel(plan: Plan, folder: string, directory: string): Model {
  const identity = { mtimeNs: "0", inode: "0", device: "0" };
  const files = plan.shards.map(({ name, size, header }): OpenFile => {
    const bytes = Buffer.from(header, "base64");
    parsePrefix(bytes.subarray(0, 8), size);
    const path = joinPath(folder, name);
    return { path, size, header: parseHeader(bytes.subarray(8), size), identity };
  });
  const tensors = gatherTensors(files);
  return { path: folder, directory, files, tensors, metadata: new Map(), config: configOf(plan) };
}

function configOf(plan: Plan): Model["config"] {
  const file = donorAssets(plan).find(({ name }) => name === "config.json");
  if (file === undefined) return undefined;
  const text = new TextDecoder().decode(file.bytes as Uint8Array);
  return { text, value: JSON.parse(text) };
}
