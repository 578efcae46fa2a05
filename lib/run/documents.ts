/** Plans and merges all documents of a recipe in order; most recipes have one. */
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { MergeError, printable } from "../errors.ts";
import { locateModels } from "../hub/models.ts";
import type { HubOptions } from "../hub/resolve.ts";
import type { MergeOptions, NonfiniteTensor, Progress } from "../merge.ts";
import { orderDocuments, plannedModel, suggestDocuments } from "../plan/documents.ts";
import { outputBytes } from "../plan/explain.ts";
import { makePlan } from "../plan/plan.ts";
import type { LocatedModel, LocatedModels } from "../plan/sources.ts";
import type { Plan } from "../plan/types.ts";
import { claim } from "./lock.ts";
import { nonfiniteOf } from "./nonfinite.ts";
import { type Performed, perform } from "./perform.ts";
import { checkOutput } from "./publish.ts";
import type { LoadedRecipe } from "./recipe.ts";

/** Checked options of planning. */
export interface PlanSettings {
  seed: bigint;
  random: "philox" | "torch-cpu";
  shardSize?: number;
  hub: HubOptions;
}

/** A document that is planned; `name` is undefined for the last, which becomes the output. */
export interface PlannedDocument {
  name: string | undefined;
  uses: readonly string[];
  loaded: LoadedRecipe;
  located: LocatedModels;
  made: Plan;
}

function planOne(
  document: Omit<PlannedDocument, "made">,
  located: LocatedModels,
  before: readonly PlannedDocument[],
  { seed, random, shardSize }: PlanSettings,
): Plan {
  const used = before.filter(({ name }) => name !== undefined && document.uses.includes(name));
  return makePlan(document.loaded.recipe, {
    recipeFolder: document.loaded.folder,
    methods: document.loaded.methods,
    seed,
    random,
    ...(shardSize === undefined ? {} : { shardSize }),
    located,
    uses: used.map(({ made }) => made.hash),
  });
}

/**
 * Plans every document before anything is merged; models that others make are known by their plans.
 * With `all`, also those whose result the output does not need.
 */
export async function planDocuments(
  loaded: readonly LoadedRecipe[],
  settings: PlanSettings,
  all: boolean,
): Promise<PlannedDocument[]> {
  const documents: PlannedDocument[] = [];
  const known = new Map<string, LocatedModel>();
  const names = loaded.flatMap(({ recipe: { name } }) => (name === undefined ? [] : [name]));
  const recipes = loaded.map(({ recipe }) => recipe);
  for (const { position, name, uses } of orderDocuments(recipes, all)) {
    const each = loaded[position];
    const { recipe, folder } = each;
    const near = loaded.length > 1 ? suggestDocuments(recipe, folder, names) : [];
    const given = new Map([...near, ...known]);
    const located = await locateModels(recipe, folder, settings.hub, given);
    const document = { name, uses, loaded: each, located };
    const made = planOne(document, located, documents, settings);
    documents.push({ ...document, made });
    if (name !== undefined) known.set(name, { model: plannedModel(made, join("/", "…", name)) });
  }
  return documents;
}

/** The plan of the output, with those of the documents it builds on. */
export function withIntermediates(documents: readonly PlannedDocument[]): Plan {
  const { made } = documents[documents.length - 1];
  const intermediates = documents.slice(0, -1).map(({ name, made: plan }) => {
    return { name: name as string, plan };
  });
  return intermediates.length === 0 ? made : { ...made, intermediates };
}

/** Remarks on all documents but those of the last plan. */
export function notesOf(documents: readonly PlannedDocument[]): string[] {
  return documents.flatMap(({ name, loaded, made }) => {
    if (name === undefined) return loaded.notes;
    return [...loaded.notes, ...made.notes].map((note) => `${printable(name)}: ${note}`);
  });
}

/** Progress of one of several merges as progress of all of them. */
function partOf(
  documents: readonly PlannedDocument[],
  at: number,
  onProgress: MergeOptions["onProgress"],
): ((progress: Progress) => void) | undefined {
  if (onProgress === undefined) return undefined;
  const bytes = documents.map(({ made }) => outputBytes(made));
  const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
  const [before, bytesTotal] = [sum(bytes.slice(0, at)), sum(bytes)];
  return ({ bytesDone, tensor }) => {
    onProgress({ bytesDone: before + bytesDone, bytesTotal, tensor });
  };
}

/** Folder in which results of named documents lie while others are made from them. */
class Workplace {
  readonly folder: string;
  readonly #temporary: boolean;
  readonly #made: string | undefined;
  readonly #parent: string;

  constructor({ out, intermediateDir }: MergeOptions) {
    this.#temporary = intermediateDir === undefined;
    this.#parent = dirname(resolve(out));
    try {
      if (intermediateDir === undefined) {
        this.#made = mkdirSync(this.#parent, { recursive: true });
        this.folder = mkdtempSync(`${resolve(out)}.weightloom-parts-`);
        claim(this.folder);
      } else {
        this.folder = resolve(intermediateDir);
      }
    } catch (cause) {
      const message = `${printable(out)}: ${(cause as Error).message}`;
      throw new MergeError("WRITE_FAILED", message, { cause });
    }
  }

  /** Removes what was only needed meanwhile, and folders that stayed empty. */
  clear(): void {
    if (!this.#temporary) return;
    rmSync(this.folder, { recursive: true, force: true });
    if (this.#made === undefined) return;
    try {
      for (let at = this.#parent; at.startsWith(this.#made); at = dirname(at)) rmdirSync(at);
    } catch {
      // The output lies in it.
    }
  }
}

/**
 * Merges planned documents in order and publishes the last at `options.out`. Results of the others
 * are written beside it and removed at the end, or stay in `options.intermediateDir`. Documents
 * that use them are planned anew from what was written; `documents` then holds those plans.
 */
export async function mergeDocuments(
  documents: PlannedDocument[],
  settings: PlanSettings,
  options: MergeOptions,
): Promise<Performed & { nonfinite: NonfiniteTensor[] }> {
  const last = documents.length - 1;
  if (last === 0) {
    const [{ loaded, made }] = documents;
    return { ...(await perform(loaded, made, options)), nonfinite: [] };
  }
  const place = new Workplace(options);
  const nonfinite: NonfiniteTensor[] = [];
  const done = new Map<string, LocatedModel>();
  const notes: string[] = [];
  try {
    for (const [at, document] of documents.entries()) {
      const { name, loaded } = document;
      const located = new Map([...document.located, ...done]);
      const made = planOne(document, located, documents.slice(0, at), settings);
      documents[at] = { ...document, located, made };
      const out = name === undefined ? options.out : join(place.folder, name);
      const onProgress = partOf(documents, at, options.onProgress);
      const { onProgress: _, ...others } = options;
      if (name !== undefined) checkOutput(out, made, options.overwrite ?? false);
      const own = { ...others, out, ...(onProgress === undefined ? {} : { onProgress }) };
      const { results, notes: more } = await perform(loaded, made, own);
      notes.push(...more);
      if (name === undefined) return { results, nonfinite, notes };
      nonfinite.push(...nonfiniteOf(made, results, name));
      done.set(name, { path: out });
    }
  } finally {
    place.clear();
  }
  throw new MergeError("INTERNAL", "no document becomes the output");
}
