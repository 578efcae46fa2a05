/** The two calls most people need: `plan` and `merge`. */
import { type AssetFile, makeAssets } from "./assets/index.ts";
import { parseReference, sameReference } from "./config/reference.ts";
import { MergeError, printable } from "./errors.ts";
import { byteLength } from "./format/dtype.ts";
import { METHODS } from "./methods/index.ts";
import type { Method } from "./methods/types.ts";
import { outputBytes } from "./plan/explain.ts";
import { makePlan } from "./plan/plan.ts";
import type { Plan, PlanStep } from "./plan/types.ts";
import type { RecipeObject } from "./recipe-object.ts";
import { type ComputeOptions, chooseBackend, chooseIo, chooseIsa, chooseThreads } from "./run/backend.ts";
import { checkInputs } from "./run/identity.ts";
import { fitThreads } from "./run/memory.ts";
import { checkOutput, Stage } from "./run/publish.ts";
import { type LoadedRecipe, loadRecipe } from "./run/recipe.ts";
import type { ExecuteOptions, StepResult, Work } from "./run/work.ts";
import { version } from "./version.ts";

export interface PlanRecipeOptions {
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

/** How far a merge is. */
export interface Progress {
  /** Bytes of output tensors finished, and how many there will be. */
  bytesDone: number;
  bytesTotal: number;
  /** A tensor being worked on. */
  tensor: string;
}

export interface MergeOptions extends PlanRecipeOptions, ComputeOptions {
  /** Folder to publish the model at; it must not exist, or be empty, unless `overwrite`. */
  out: string;
  /** Replace what lies at `out`, in the last step and only after success. */
  overwrite?: boolean;
  /** Bound on the anonymous memory of the whole process, in bytes. */
  maxMemory?: number;
  /** Make the output survive a power cut before the promise resolves; default true. */
  sync?: boolean;
  /** How inputs are read: mapped (the default) or by positioned reads. */
  io?: "auto" | "mmap" | "pread";
  /** Cancels the merge; the target stays untouched and the promise rejects with code ABORTED. */
  signal?: AbortSignal;
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
  /** Seconds from the first byte to the published model. */
  seconds: number;
  /** Tensors that hold NaN or overflows; empty for a sound merge. */
  nonfinite: readonly NonfiniteTensor[];
  /** What was accepted without effect, and other remarks. */
  notes: readonly string[];
}

function planLoaded({ recipe, folder }: LoadedRecipe, options: PlanRecipeOptions): Plan {
  const { shardSize } = options;
  if (shardSize !== undefined && !(Number.isSafeInteger(shardSize) && shardSize >= 0)) {
    throw new MergeError("ARGUMENT", `shardSize: a number of bytes was expected, not ${shardSize}`);
  }
  return makePlan(recipe, {
    recipeFolder: folder,
    seed: toSeed(options.seed),
    random: toRandom(options.random),
    ...(shardSize === undefined ? {} : { shardSize }),
  });
}

function toRandom(random: PlanRecipeOptions["random"]): "philox" | "torch-cpu" {
  if (random === undefined || random === "philox" || random === "torch-cpu") {
    return random ?? "philox";
  }
  throw new MergeError("ARGUMENT", `random: philox or torch-cpu was expected, not ${random}`);
}

function toSeed(seed: number | bigint | undefined): bigint {
  const value = typeof seed === "bigint" ? seed : Number.isSafeInteger(seed ?? 0) ? BigInt(seed ?? 0) : -1n;
  if (value >= 0n && value < 2n ** 64n) return value;
  throw new MergeError("ARGUMENT", `seed: an integer from 0 to 2^64 - 1 was expected, not ${seed}`);
}

/**
 * Plans a merge without reading a tensor: the dry run.
 * @param recipe path of a mergekit YAML file, or the same as an object
 * @returns plain data: every output tensor with its inputs, operation and place
 * @throws MergeError with every problem that headers can show, in `problems`
 */
export async function plan(
  recipe: string | RecipeObject,
  options: PlanRecipeOptions = {},
): Promise<Plan> {
  const loaded = await loadRecipe(recipe);
  const made = planLoaded(loaded, options);
  return { ...made, notes: [...loaded.notes, ...made.notes] };
}

/** Steps in the order of the plan, but those that draw from torch's stream in the order of draws. */
function workOf(made: Plan, shards: readonly string[]): { work: Work; order: number[] } {
  const drawOf = ({ operation }: PlanStep) => {
    return operation.op === "task" && operation.torch !== null ? operation.torch.offset : -1;
  };
  const order = made.steps.map((_, i) => i);
  order.sort((a, b) => drawOf(made.steps[a]) - drawOf(made.steps[b]) || a - b);
  const work = {
    sources: made.sources.map(({ path, size }) => ({ path, size })),
    outputs: shards.map((path, i) => ({ path, size: made.shards[i].size })),
    steps: order.map((i) => ({ ...made.steps[i], output: made.steps[i].shard })),
  };
  return { work, order };
}

function inPlanOrder(results: readonly StepResult[], order: readonly number[]): StepResult[] {
  const sorted: StepResult[] = [];
  order.forEach((at, i) => {
    sorted[at] = results[i];
  });
  return sorted;
}

/** Turns byte counts into Progress; steps run in about the order of the plan. */
function progressOf(made: Plan, onProgress: (progress: Progress) => void): (done: number) => void {
  const bytesTotal = outputBytes(made);
  const width = made.steps.map(({ dtype, count }) => byteLength(dtype, count));
  let at = 0;
  let before = 0;
  return (bytesDone) => {
    while (at < width.length - 1 && before + width[at] <= bytesDone) before += width[at++];
    onProgress({ bytesDone, bytesTotal, tensor: made.steps[at].tensor });
  };
}

function assetsOf(loaded: LoadedRecipe, made: Plan, results: readonly StepResult[]): AssetFile[] {
  const { title: methodTitle, source: methodSource } = METHODS.get(made.method) as Method;
  const { baseModel } = loaded.recipe;
  const models = made.models.flatMap((text) => {
    const parsed = parseReference(text);
    if ("fault" in parsed) return [];
    const base = baseModel !== undefined && sameReference(parsed.reference, baseModel);
    return [{ reference: parsed.reference, base }];
  });
  const recipeText = loaded.text;
  return makeAssets({ plan: made, results, recipeText, methodTitle, methodSource, version, models });
}

async function runPlan(
  loaded: LoadedRecipe,
  made: Plan,
  options: MergeOptions,
): Promise<StepResult[]> {
  const backend = chooseBackend(options.backend);
  const io = chooseIo(options.io);
  const execute: ExecuteOptions = {
    threads: fitThreads(made, backend, chooseThreads(options.threads), io, options.maxMemory),
    isa: chooseIsa(options.isa),
    sync: options.sync ?? true,
    io,
    signal: options.signal,
    onBytes: options.onProgress === undefined ? undefined : progressOf(made, options.onProgress),
  };
  const stage = new Stage(options.out, made, execute.sync);
  try {
    const shards = stage.createShards(made);
    throwIfAborted(options.signal);
    checkInputs(made, "opening");
    const { work, order } = workOf(made, shards);
    const results = inPlanOrder(await backend.execute(work, execute), order);
    checkInputs(made, "after");
    stage.writeAssets(assetsOf(loaded, made, results));
    execute.onBytes?.(outputBytes(made));
    throwIfAborted(options.signal);
    stage.publish(options.overwrite ?? false);
    return results;
  } catch (error) {
    stage.discard();
    throw error;
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new MergeError("ABORTED", "the merge was cancelled", { cause: signal.reason });
}

/**
 * Merges models and publishes the result: at `out` there is nothing, what was there before, or the
 * whole new model.
 * @param recipe path of a mergekit YAML file, or the same as an object
 * @throws MergeError; see `code` and `problems`
 * @example await merge("ties.yml", { out: "merged", onProgress: console.log });
 */
export async function merge(
  recipe: string | RecipeObject,
  options: MergeOptions,
): Promise<MergeResult> {
  if (typeof options?.out !== "string" || options.out === "" || options.out.includes("\0")) {
    throw new MergeError("ARGUMENT", "out: the path of a folder was expected");
  }
  throwIfAborted(options.signal);
  const loaded = await loadRecipe(recipe);
  const made = planLoaded(loaded, options);
  checkOutput(options.out, made, options.overwrite ?? false);
  const started = performance.now();
  const results = await runPlan(loaded, made, options);
  return {
    out: options.out,
    plan: made,
    backend: chooseBackend(options.backend).name,
    seconds: (performance.now() - started) / 1000,
    nonfinite: nonfiniteOf(made, results),
    notes: [...loaded.notes, ...made.notes],
  };
}

function nonfiniteOf(made: Plan, results: readonly StepResult[]): NonfiniteTensor[] {
  return results.flatMap(({ digest: _, ...counts }, i) => {
    const any = Object.values(counts).some((count) => count > 0);
    return any ? [{ tensor: printable(made.steps[i].tensor), ...counts }] : [];
  });
}
