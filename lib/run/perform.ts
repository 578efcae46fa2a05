/** Runs one plan: stage, backend, companion files, publication. */
import { type AssetFile, donorAssets, makeAssets } from "../assets/index.ts";
import { parseReference, sameReference } from "../config/reference.ts";
import { MergeError } from "../errors.ts";
import { byteLength } from "../format/dtype.ts";
import type { MergeOptions, Progress } from "../merge.ts";
import type { Combine, CustomMethod } from "../methods/custom.ts";
import type { Method } from "../methods/types.ts";
import { outputBytes } from "../plan/explain.ts";
import type { Plan, PlanStep } from "../plan/types.ts";
import { version } from "../version.ts";
import { chooseBackend, chooseIo, chooseIsa, chooseThreads } from "./backend.ts";
import { checkInputs } from "./identity.ts";
import { fitThreads } from "./memory.ts";
import { refuseNonfinite } from "./nonfinite.ts";
import { Stage } from "./publish.ts";
import type { LoadedRecipe } from "./recipe.ts";
import type { Backend, ExecuteOptions, StepResult, Work } from "./work.ts";

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

function assetsOf(
  loaded: LoadedRecipe,
  made: Plan,
  results: readonly StepResult[],
  { copyTokenizer = true, modelCard = true }: MergeOptions,
): AssetFile[] {
  const { title: methodTitle, source: methodSource } = loaded.methods.get(made.method) as Method;
  const { baseModel } = loaded.recipe;
  const models = made.models.flatMap((text) => {
    const parsed = parseReference(text);
    if ("fault" in parsed) return [];
    const base = baseModel !== undefined && sameReference(parsed.reference, baseModel);
    return [{ reference: parsed.reference, base }];
  });
  const about = { recipeText: loaded.text, methodTitle, methodSource, version, models };
  return makeAssets({ plan: made, results, ...about, copyTokenizer, modelCard });
}

/** The function of a custom method, when the plan has one. */
function functionsOf(
  { methods }: LoadedRecipe,
  made: Plan,
): ReadonlyMap<string, Combine> | undefined {
  if (!made.steps.some(({ operation }) => operation.op === "custom")) return undefined;
  const custom = methods.get(made.method) as Partial<CustomMethod> | undefined;
  return new Map(custom?.combine === undefined ? [] : [[made.method, custom.combine]]);
}

function referenceOnly({ backend }: MergeOptions): Backend {
  if (backend !== "native") return chooseBackend("reference");
  throw new MergeError("BACKEND", "custom methods run on the reference backend", {
    hint: 'leave out backend: "native"',
  });
}

/** How long an aborted merge waits for its stage to be removed, in milliseconds. */
const PATIENCE = 15;

/** Executes a plan and publishes the result at `options.out`. */
export async function perform(
  loaded: LoadedRecipe,
  made: Plan,
  options: MergeOptions,
): Promise<StepResult[]> {
  const functions = functionsOf(loaded, made);
  const backend = functions === undefined ? chooseBackend(options.backend) : referenceOnly(options);
  const io = chooseIo(options.io);
  const execute: ExecuteOptions = {
    threads: fitThreads(made, backend, chooseThreads(options.threads), io, options.maxMemory),
    isa: chooseIsa(options.isa),
    sync: options.sync ?? true,
    io,
    signal: options.signal,
    functions,
    onOpened: () => checkInputs(made, "opening"),
    onBytes: options.onProgress === undefined ? undefined : progressOf(made, options.onProgress),
  };
  // What is wrong with the donor's small files shows before anything is computed.
  donorAssets(made, { copyTokenizer: options.copyTokenizer ?? true });
  const stage = new Stage(options.out, made, execute.sync);
  try {
    const shards = stage.createShards(made);
    throwIfAborted(options.signal);
    checkInputs(made, "opening");
    const { work, order } = workOf(made, shards);
    const results = inPlanOrder(await backend.execute(work, execute), order);
    checkInputs(made, "after");
    if (options.onNonfinite === "error") refuseNonfinite(made, results);
    stage.writeAssets(assetsOf(loaded, made, results, options));
    execute.onBytes?.(outputBytes(made));
    throwIfAborted(options.signal);
    stage.publish(options.overwrite ?? false);
    return results;
  } catch (error) {
    const aborted = error instanceof MergeError && error.code === "ABORTED";
    // Why the merge failed matters more than why its remains cannot be removed.
    await stage.discard(aborted ? PATIENCE : undefined).catch(() => {});
    throw error;
  }
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new MergeError("ABORTED", "the merge was cancelled", { cause: signal.reason });
}
