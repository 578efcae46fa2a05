/** The two calls most people need: `plan` and `merge`. */
import { MergeError } from "./errors.ts";
import { type HubModelOptions, hubOptionsOf } from "./hub/options.ts";
import type { CustomMethod } from "./methods/custom.ts";
import { METHODS } from "./methods/index.ts";
import type { Method, ParameterSpec } from "./methods/types.ts";
import type { ResolvedTensor } from "./plan/resolved.ts";
import type { Plan } from "./plan/types.ts";
import { type Progress, type Watched, watch } from "./progress.ts";
import { type ComputeOptions, chooseBackend, chooseRandom, chooseSeed } from "./run/backend.ts";
import {
  mergeDocuments,
  notesOf,
  type PlanSettings,
  planDocuments,
  withIntermediates,
} from "./run/documents.ts";
import { settleReplacement } from "./run/leftovers.ts";
import { chooseNonfinite, type NonfinitePolicy, nonfiniteOf } from "./run/nonfinite.ts";
import { throwIfAborted } from "./run/perform.ts";
import { checkOutput, realPath } from "./run/publish.ts";
import { loadRecipes, type RecipeInput } from "./run/recipe.ts";
import type { StepResult } from "./run/work.ts";

export type { Progress } from "./progress.ts";

export interface PlanRecipeOptions extends HubModelOptions {
  /** Cancels downloads, and the merge: its target stays untouched, and the code is ABORTED. */
  signal?: AbortSignal;
  /** Methods of your own, made by `defineMethod`, beside the built-in ones. */
  methods?: readonly CustomMethod[];
  /** Seed of every random choice; default 0. */
  seed?: number | bigint;
  /**
   * Source of random numbers: counter-based Philox (the default), or `torch-cpu`, the stream that
   * mergekit consumes on one CPU, for comparison with it.
   */
  random?: "philox" | "torch-cpu";
  /** Most bytes of tensors in one output file; 0 for a single file. Default 5,000,000,000. */
  shardSize?: number;
}

export interface MergeOptions extends PlanRecipeOptions, ComputeOptions {
  /** Folder to publish the model at; it must not exist, or be empty, unless `overwrite`. */
  out: string;
  /** Replace what lies at `out`, in the last step and only after success. */
  overwrite?: boolean;
  /** Bound on the anonymous memory of the whole process, in bytes. */
  maxMemory?: number;
  /**
   * Go on with the whole shards that an interrupted merge of the same plan and inputs has left
   * beside `out`; default true. `notes` tells what became of them.
   */
  resume?: boolean;
  /** Make the output survive a power cut before the promise resolves; default true. */
  sync?: boolean;
  /** How inputs are read: mapped (the default) or by positioned reads. */
  io?: "auto" | "mmap" | "pread";
  /**
   * What NaN, infinity and overflow in the output mean: `error` publishes nothing, with the code
   * NONFINITE; `warn` (the default) and `allow` publish, and tell the tensors in `nonfinite`.
   */
  onNonfinite?: NonfinitePolicy;
  /** Copy the donor's tokenizer; default true. */
  copyTokenizer?: boolean;
  /** Write README.md and mergekit_config.yml; default true. */
  modelCard?: boolean;
  /**
   * Folder for the results of named documents, which are kept there; by default they are removed
   * when the merge is done.
   */
  intermediateDir?: string;
  /** Called a few times a second; an exception it throws cancels the merge and is passed on. */
  onProgress?: (progress: Progress) => void;
}

/** A tensor with results that are not finite, and how many. */
export interface NonfiniteTensor extends Omit<StepResult, "digest"> {
  tensor: string;
}

export interface MergeResult {
  /** Folder of the published model. */
  out: string;
  plan: Plan;
  backend: "native" | "reference";
  /** `cuda` when a GPU made at least one tensor; others may be left to the CPU beside it. */
  device: "cpu" | "cuda";
  /** Seconds from the first byte to the published model. */
  seconds: number;
  /** Tensors that hold NaN or overflows; empty for a sound merge. */
  nonfinite: readonly NonfiniteTensor[];
  /** What was accepted without effect, and other remarks. */
  notes: readonly string[];
}

function isCustom({ steps }: Plan): boolean {
  return steps.some(({ operation }) => operation.op === "custom");
}

/** What planning needs of the options, checked. */
function settingsOf(options: PlanRecipeOptions): PlanSettings {
  const { shardSize } = options;
  if (shardSize !== undefined && !(Number.isSafeInteger(shardSize) && shardSize >= 0)) {
    throw new MergeError("ARGUMENT", `shardSize: a number of bytes was expected, not ${shardSize}`);
  }
  return {
    seed: chooseSeed(options.seed),
    random: chooseRandom(options.random),
    ...(shardSize === undefined ? {} : { shardSize }),
    hub: hubOptionsOf(options),
  };
}

function methodsOf({ methods = [] }: PlanRecipeOptions): ReadonlyMap<string, Method> {
  const all = new Map(METHODS);
  for (const each of methods) {
    if (all.has(each.name)) {
      throw new MergeError("ARGUMENT", `methods: there is a method ${each.name} already`);
    }
    all.set(each.name, each);
  }
  return all;
}

/**
 * Plans a merge without reading a tensor: the dry run.
 * @param recipe path of a mergekit YAML file, or the same as an object, or as one for each document
 * @returns plain data: every output tensor with its inputs, operation and place
 * @throws MergeError with every problem that headers can show, in `problems`
 */
export async function plan(recipe: RecipeInput, options: PlanRecipeOptions = {}): Promise<Plan> {
  const settings = settingsOf(options);
  const documents = await planDocuments(
    await loadRecipes(recipe, methodsOf(options)),
    settings,
    false,
  );
  const { made } = documents[documents.length - 1];
  return { ...withIntermediates(documents), notes: [...notesOf(documents), ...made.notes] };
}

/** What the parameters of one document of a recipe come to. */
export interface ResolvedDocument {
  /** Undefined for the document that becomes the output. */
  name: string | undefined;
  method: string;
  /** The method's parameters. */
  specs: readonly ParameterSpec[];
  /** Models in the order of the positions in `modelParameters`. */
  models: readonly string[];
  tensors: readonly ResolvedTensor[];
}

/**
 * The value of every parameter for every tensor, with filters, gradients and precedence applied.
 * @param recipe path of a mergekit YAML file, or the same as an object, or as one for each document
 * @throws MergeError as `plan` does
 */
export async function resolveParameters(
  recipe: RecipeInput,
  options: PlanRecipeOptions = {},
): Promise<ResolvedDocument[]> {
  const settings = { ...settingsOf(options), trace: true };
  const loaded = await loadRecipes(recipe, methodsOf(options));
  const documents = await planDocuments(loaded, settings, false);
  return documents.map(({ name, made: { method, models }, resolved, loaded: { methods } }) => {
    const specs = (methods.get(method) as Method).parameters;
    return { name, method, specs, models, tensors: resolved };
  });
}

/**
 * Merges models and publishes the result: at `out` there is nothing, what was there before, or the
 * whole new model. The promise can also be iterated over for progress.
 * @param recipe path of a mergekit YAML file, or the same as an object, or as one for each document
 * @throws MergeError; see `code` and `problems`
 * @example await merge("ties.yml", { out: "merged", onProgress: console.log });
 */
export function merge(recipe: RecipeInput, options: MergeOptions): Watched<MergeResult> {
  return watch((onProgress) => run(recipe, options, onProgress), options?.onProgress);
}

/** The merge itself, for commands that write a model; `own` are settings that merges do not have. */
export async function run(
  recipe: RecipeInput,
  options: MergeOptions,
  onProgress: (progress: Progress) => void,
  own: Pick<PlanSettings, "keepMetadata"> = {},
): Promise<MergeResult> {
  if (typeof options?.out !== "string" || options.out === "" || options.out.includes("\0")) {
    throw new MergeError("ARGUMENT", "out: the path of a folder was expected");
  }
  throwIfAborted(options.signal);
  chooseNonfinite(options.onNonfinite);
  const settings = { ...settingsOf(options), ...own };
  const keep = options.intermediateDir !== undefined;
  const documents = await planDocuments(
    await loadRecipes(recipe, methodsOf(options)),
    settings,
    keep,
  );
  settleReplacement(realPath(options.out));
  for (const { made } of documents) checkOutput(options.out, made, options.overwrite ?? false);
  const started = performance.now();
  const { results, device, nonfinite, notes } = await mergeDocuments(documents, settings, {
    ...options,
    onProgress,
  });
  const { made } = documents[documents.length - 1];
  return {
    out: options.out,
    plan: withIntermediates(documents),
    backend: isCustom(made) ? "reference" : chooseBackend(options.backend).name,
    device,
    seconds: (performance.now() - started) / 1000,
    nonfinite: [...nonfinite, ...nonfiniteOf(made, results)],
    notes: [...notesOf(documents), ...made.notes, ...notes],
  };
}
