import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { formatReference } from "../config/reference.ts";
import type { ModelReference, Recipe, RecipeBody } from "../config/types.ts";
import { MergeError, type Place, type Problem, printable, problem } from "../errors.ts";
import { type Model, openModel } from "../format/model.ts";
import { Readings } from "../format/readings.ts";

/** The models of a recipe, opened once each, by the text of their reference. */
export type OpenedModels = ReadonlyMap<string, Model>;

/** What looking a model up has found: its folder, a model that is yet to be made, or a problem. */
export type LocatedModel = { path: string } | { model: Model } | { error: MergeError };

/** By `path[@revision]` as the recipe has it. */
export type LocatedModels = ReadonlyMap<string, LocatedModel>;

/** A model's path: from the working directory as mergekit takes it, else from the recipe's folder. */
export function resolveModelPath(path: string, recipeFolder: string | undefined): string {
  const found = findLocal(path, recipeFolder);
  if (found !== undefined) return found;
  throw new MergeError("MODEL_NOT_FOUND", `no model lies at ${printable(path)}`, {
    hint: searched(path, recipeFolder),
  });
}

/** The same, or undefined when nothing lies at either place. */
export function findLocal(path: string, recipeFolder: string | undefined): string | undefined {
  if (existsSync(path)) return resolve(path);
  if (recipeFolder === undefined) return undefined;
  const beside = resolve(recipeFolder, path);
  return existsSync(beside) ? beside : undefined;
}

function searched(path: string, recipeFolder: string | undefined): string {
  const places = [resolve(path)];
  if (recipeFolder !== undefined) places.push(resolve(recipeFolder, path));
  const tried = [...new Set(places)].map(printable).join(" and ");
  return `looked at ${tried}`;
}

function bodies(recipe: Recipe): RecipeBody[] {
  const modules = recipe.modules === undefined ? [] : Object.values(recipe.modules);
  return recipe.body === undefined ? modules : [recipe.body, ...modules];
}

/** Every reference of the recipe with the place it stands at; the base model first. */
export function references(recipe: Recipe): { reference: ModelReference; place: Place }[] {
  const all: { reference: ModelReference; place: Place }[] = [];
  if (recipe.baseModel !== undefined) {
    all.push({ reference: recipe.baseModel, place: recipe.places.base_model });
  }
  for (const body of bodies(recipe)) {
    for (const each of body.models ?? []) all.push({ reference: each.model, place: each.place });
    for (const slice of body.slices ?? []) {
      for (const each of slice.sources) all.push({ reference: each.model, place: each.place });
      if (slice.baseModel !== undefined) {
        all.push({ reference: slice.baseModel, place: slice.place });
      }
    }
  }
  return all;
}

/** Where models are looked for. */
export interface ModelPlaces {
  recipeFolder?: string | undefined;
  located?: LocatedModels | undefined;
}

function open(
  reference: ModelReference,
  { recipeFolder, located }: ModelPlaces,
  readings: Readings,
): Model {
  const { lora: _, ...own } = reference;
  const found = located?.get(formatReference(own));
  refuseUnsupported(reference, recipeFolder);
  if (found === undefined) {
    return openModel(resolveModelPath(reference.path, recipeFolder), readings);
  }
  if ("error" in found) throw found.error;
  return "model" in found ? found.model : openModel(found.path, readings);
}

/** Opens all models; what fails becomes a problem, once for each reference. */
export function openModels(recipe: Recipe, places: ModelPlaces, problems: Problem[]): OpenedModels {
  const opened = new Map<string, Model>();
  const failed = new Set<string>();
  const readings = new Readings();
  for (const { reference, place } of references(recipe)) {
    const key = formatReference(reference);
    if (opened.has(key) || failed.has(key)) continue;
    try {
      opened.set(key, open(reference, places, readings));
    } catch (error) {
      if (!(error instanceof MergeError)) throw error;
      failed.add(key);
      for (const each of error.problems) {
        // A file at fault is named, and the recipe's place still says which model it is of.
        const { file } = each.place ?? {};
        const at = file === undefined ? place : { file, path: place.path as string };
        problems.push(problem(each.code, each.message, each.hint, at));
      }
    }
  }
  return opened;
}

function refuseUnsupported(reference: ModelReference, folder: string | undefined): void {
  const text = printable(formatReference(reference));
  if (reference.lora !== undefined) {
    throw new MergeError("UNSUPPORTED", `${text}: LoRA adapters are not merged on loading yet`, {
      hint: "merge the adapter into its base model first, and name the result here",
    });
  }
  if (reference.revision !== undefined && findLocal(reference.path, folder) !== undefined) {
    throw new MergeError("UNSUPPORTED", `${text}: a local folder has no revisions`, {
      hint: "leave out the part after @",
    });
  }
}
