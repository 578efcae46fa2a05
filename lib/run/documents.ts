/** Plans and merges all documents of a recipe in order; most recipes have one. */
import { copyFileSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { donorAssets } from "../assets/index.ts";
import { MergeError, printable } from "../errors.ts";
import { locateModels } from "../hub/models.ts";
import type { HubOptions } from "../hub/resolve.ts";
import type { MergeOptions, NonfiniteTensor } from "../merge.ts";
import { orderDocuments, plannedModel, suggestDocuments } from "../plan/documents.ts";
import { outputBytes } from "../plan/explain.ts";
import { makePlan } from "../plan/plan.ts";
import type { ResolvedTensor } from "../plan/resolved.ts";
import type { LocatedModel, LocatedModels } from "../plan/sources.ts";
import type { Plan } from "../plan/types.ts";
import type { Progress } from "../progress.ts";
import { canFuse, plannedFiles } from "./fuse.ts";
import { claim } from "./lock.ts";
import { nonfiniteOf } from "./nonfinite.ts";
import { type Performed, type PerformOptions, perform } from "./perform.ts";
import { checkOutput } from "./publish.ts";
import type { LoadedRecipe } from "./recipe.ts";

/** Checked options of planning. */
export interface PlanSettings {
  seed: bigint;
  random: "philox" | "torch-cpu";
  shardSize?: number;
  hub: HubOptions;
  /** Whether the output has the `__metadata__` of the model that it is made from. */
  keepMetadata?: boolean;
  /** Keep what the parameters of every tensor come to. */
  trace?: boolean;
}

/** A document that is planned; `name` is undefined for the last, which becomes the output. */
export interface PlannedDocument {
  name: string | undefined;
  uses: readonly string[];
  loaded: LoadedRecipe;
  located: LocatedModels;
  made: Plan;
  /** What its parameters come to, when that was asked for. */
  resolved: readonly ResolvedTensor[];
}

function planOne(
  document: Omit<PlannedDocument, "made">,
  located: LocatedModels,
  before: readonly PlannedDocument[],
  { seed, random, shardSize, keepMetadata }: PlanSettings,
  trace?: (resolved: ResolvedTensor) => void,
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
    keepMetadata,
    trace,
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
    const resolved: ResolvedTensor[] = [];
    const document = { name, uses, loaded: each, located, resolved };
    const trace = settings.trace ? (tensor: ResolvedTensor) => resolved.push(tensor) : undefined;
    const made = planOne(document, located, documents, settings, trace);
    documents.push({ ...document, made });
    if (name !== undefined)
      known.set(name, { model: plannedModel(made, join("/", "…", name), made.assets.donor) });
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
  onProgress: (progress: Progress) => void,
): (progress: Progress) => void {
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

  /** Writes the small files of a model whose tensors are not written; returns its folder. */
  writeAssets(name: string, made: Plan, { copyTokenizer = true }: MergeOptions): string {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    for (const { name: file, bytes } of donorAssets(made, { copyTokenizer })) {
      const path = join(folder, file);
      if (bytes instanceof Uint8Array) writeFileSync(path, bytes);
      else copyFileSync(bytes.copyFrom, path);
    }
    return folder;
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

/** What has become of all documents: the last one's results, and what is to tell of the others. */
export interface MergedDocuments extends Performed {
  nonfinite: NonfiniteTensor[];
}

/** What documents share while they are merged. */
interface Around {
  settings: PlanSettings;
  options: PerformOptions;
  place: Workplace;
}

/** Plans a document anew, now that those before it are made, or where they will be. */
function replan(
  documents: PlannedDocument[],
  at: number,
  done: LocatedModels,
  { settings }: Around,
): Plan {
  const located = new Map([...documents[at].located, ...done]);
  const made = planOne(documents[at], located, documents.slice(0, at), settings);
  documents[at] = { ...documents[at], located, made };
  return made;
}

/**
 * Merges planned documents and publishes the last at `options.out`. Where it can, all are one work,
 * and nothing else is written but the small files that later documents take from earlier ones.
 * Otherwise results of the others are written beside it and removed at the end, or stay in
 * `options.intermediateDir`. Documents are planned anew with what they use; `documents` then holds
 * those plans.
 */
export async function mergeDocuments(
  documents: PlannedDocument[],
  settings: PlanSettings,
  options: PerformOptions,
): Promise<MergedDocuments> {
  if (documents.length === 1) {
    const [{ loaded, made }] = documents;
    return { ...(await perform(loaded, made, options)), nonfinite: [] };
  }
  const place = new Workplace(options);
  try {
    const together = options.intermediateDir === undefined && canFuse(documents);
    const around = { settings, options, place };
    return await (together ? mergeTogether(documents, around) : mergeInTurn(documents, around));
  } finally {
    place.clear();
  }
}

async function mergeTogether(
  documents: PlannedDocument[],
  around: Around,
): Promise<MergedDocuments> {
  const { options, place } = around;
  const done = new Map<string, LocatedModel>();
  const files = new Map<string, Plan>();
  for (const [at, { name, loaded }] of documents.entries()) {
    const made = replan(documents, at, done, around);
    if (name === undefined) {
      return { ...(await perform(loaded, made, options, files)), nonfinite: [] };
    }
    const folder = place.writeAssets(name, made, options);
    done.set(name, { model: plannedModel(made, folder, folder) });
    for (const [path, plan] of plannedFiles(made, folder)) files.set(path, plan);
  }
  throw new MergeError("INTERNAL", "no document becomes the output");
}

async function mergeInTurn(documents: PlannedDocument[], around: Around): Promise<MergedDocuments> {
  const { options, place } = around;
  const nonfinite: NonfiniteTensor[] = [];
  const notes: string[] = [];
  const done = new Map<string, LocatedModel>();
  for (const [at, { name, loaded }] of documents.entries()) {
    const made = replan(documents, at, done, around);
    const out = name === undefined ? options.out : join(place.folder, name);
    const onProgress = partOf(documents, at, options.onProgress);
    if (name !== undefined) checkOutput(out, made, options.overwrite ?? false);
    const own = { ...options, out, onProgress };
    const { results, device, notes: more } = await perform(loaded, made, own);
    notes.push(...more);
    if (name === undefined) return { results, device, nonfinite, notes };
    nonfinite.push(...nonfiniteOf(made, results, name));
    done.set(name, { path: out });
  }
  throw new MergeError("INTERNAL", "no document becomes the output");
}
