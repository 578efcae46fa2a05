/** Finds models that are no local paths. */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { formatReference, parseReference } from "../config/reference.ts";
import type { ModelReference, Recipe } from "../config/types.ts";
import { MergeError } from "../errors.ts";
import { type Model, openModel } from "../format/model.ts";
import type { Readings } from "../format/readings.ts";
import { findLocal, type LocatedModel, references } from "../plan/sources.ts";
import { isHubName } from "./cache.ts";
import { type HubOptions, type HubSurroundings, resolveHub } from "./resolve.ts";

/** Whether a path that leads nowhere can be meant as the name of a model on the hub. */
function isMeantForHub({ path }: ModelReference, folder: string | undefined): boolean {
  if (!isHubName(path)) return false;
  // A mistyped path below a folder that exists is a mistyped path.
  const owner = dirname(path);
  if (owner === ".") return true;
  return ![".", folder].some((at) => at !== undefined && existsSync(resolve(at, owner)));
}

/** Folder of a model of the hub; undefined when the reference is not meant for it. */
async function locate(
  own: ModelReference,
  folder: string | undefined,
  options: HubOptions,
  surroundings: HubSurroundings | undefined,
): Promise<string | undefined> {
  if (!isMeantForHub(own, folder)) return undefined;
  try {
    return await resolveHub(own.path, own.revision, options, surroundings);
  } catch (error) {
    const bare = !own.path.includes("/");
    if (bare && error instanceof MergeError && error.code === "NOT_IN_CACHE") return undefined;
    throw error;
  }
}

/**
 * Opens a model that is named by itself: a folder, a file, or `name[@revision]` on the hub or in
 * its cache. What lies at a path comes first.
 * @throws MergeError what `openModel` throws, NOT_IN_CACHE or HUB_UNAVAILABLE
 */
export async function openNamed(
  text: string,
  options: HubOptions,
  readings?: Readings,
  surroundings?: HubSurroundings,
): Promise<Model> {
  const parsed = existsSync(text) ? { fault: "it is a path" } : parseReference(text);
  if ("fault" in parsed || parsed.reference.lora !== undefined) {
    return openModel(text, readings);
  }
  const found = await locate(parsed.reference, undefined, options, surroundings);
  if (found === undefined) return openModel(text, readings);
  return { ...openModel(found, readings), path: text };
}

/**
 * Looks the recipe's models up in the cache, and on the hub where that is allowed, by
 * `path[@revision]`. Local paths are not in the result; what fails is, with its error.
 * `known` are models that are not to be looked up, such as results of other documents.
 */
export async function locateModels(
  recipe: Recipe,
  folder: string | undefined,
  options: HubOptions,
  known: ReadonlyMap<string, LocatedModel> = new Map(),
  surroundings?: HubSurroundings,
): Promise<Map<string, LocatedModel>> {
  const located = new Map(known);
  for (const { reference } of references(recipe)) {
    const { lora: _, ...own } = reference;
    const key = formatReference(own);
    if (located.has(key) || findLocal(own.path, folder) !== undefined) continue;
    try {
      const path = await locate(own, folder, options, surroundings);
      if (path !== undefined) located.set(key, { path });
    } catch (error) {
      if (!(error instanceof MergeError) || error.code === "ABORTED") throw error;
      located.set(key, { error });
    }
  }
  return located;
}
