/** Runs one plan: stage, backend, companion files, publication. */
import { type AssetFile, donorAssets, makeAssets } from "../assets/index.ts";
import { ManifestDraft } from "../assets/manifest.ts";
import { parseReference, sameReference } from "../config/reference.ts";
import { MergeError } from "../errors.ts";
import { byteLength } from "../format/dtype.ts";
import type { MergeOptions } from "../merge.ts";
import type { Combine, CustomMethod } from "../methods/custom.ts";
import type { Method } from "../methods/types.ts";
import { outputBytes } from "../plan/explain.ts";
import type { Plan, PlanStep } from "../plan/types.ts";
import type { Progress } from "../progress.ts";
import { version } from "../version.ts";
import { chooseBackend, chooseIo, chooseIsa, chooseThreads } from "./backend.ts";
import { censusOf } from "./census.ts";
import { chooseDevice } from "./device.ts";
import { type FusedWork, fuse, type PlannedFiles } from "./fuse.ts";
import { checkInputs } from "./identity.ts";
import { stepsOf, writeRecord } from "./journal.ts";
import { fitBudget } from "./memory.ts";
import { refuseNonfinite } from "./nonfinite.ts";
import { Stage } from "./publish.ts";
import type { LoadedRecipe } from "./recipe.ts";
import { resume, type WholeShards } from "./resume.ts";
import type { Backend, ExecuteOptions, StepResult, Work } from "./work.ts";

/**
 * The steps of shards that are not whole yet: in the order of the plan, but those that draw from
 * torch's stream in the order of draws.
 */
export function workOf(
  made: Plan,
  { sources, nested, steps }: FusedWork,
  shards: readonly string[],
  whole: WholeShards,
): { work: Work; order: number[] } {
  const drawOf = ({ operation }: PlanStep) => {
    return operation.op === "task" && operation.torch !== null ? operation.torch.offset : -1;
  };
  const order = [...made.steps.keys()].filter((i) => !whole.has(made.steps[i].shard));
  order.sort((a, b) => drawOf(made.steps[a]) - drawOf(made.steps[b]) || a - b);
  const work = {
    sources: sources.map(({ path, size }) => ({ path, size })),
    outputs: shards.map((path, i) => ({ path, size: made.shards[i].size })),
    nested,
    steps: order.map((i) => steps[i]),
  };
  const census = censusOf(made);
  if (census !== undefined) work.steps.unshift(census);
  return { work, order };
}

/** Results of all steps in their order: those of `order`, and those of shards that were whole. */
export function inPlanOrder(
  made: Plan,
  results: readonly StepResult[],
  order: readonly number[],
  whole: WholeShards,
): StepResult[] {
  const sorted: StepResult[] = [];
  const own = results.slice(results.length - order.length);
  order.forEach((at, i) => {
    sorted[at] = own[i];
  });
  for (const [shard, known] of whole) {
    stepsOf(made, shard).forEach((at, i) => {
      sorted[at] = known[i];
    });
  }
  return sorted;
}

/** Bytes of tensors in shards that were whole. */
function bytesOf(made: Plan, whole: WholeShards): number {
  const there = made.steps.filter(({ shard }) => whole.has(shard));
  return there.reduce((sum, { dtype, count }) => sum + byteLength(dtype, count), 0);
}

/** Turns byte counts into Progress; steps run in about the order of the plan. */
function progressOf(
  made: Plan,
  onProgress: (progress: Progress) => void,
  bytesBefore: number,
): (done: number) => void {
  const bytesTotal = outputBytes(made);
  const width = made.steps.map(({ dtype, count }) => byteLength(dtype, count));
  let at = 0;
  let before = 0;
  return (done) => {
    const bytesDone = Math.min(bytesBefore + done, bytesTotal);
    while (at < width.length - 1 && before + width[at] <= bytesDone) before += width[at++];
    onProgress({ bytesDone, bytesTotal, tensor: made.steps[at].tensor });
  };
}

function assetsOf(
  loaded: LoadedRecipe,
  made: Plan,
  results: readonly StepResult[],
  draft: ManifestDraft,
  { copyTokenizer = true, modelCard = true }: MergeOptions,
): AssetFile[] {
  const { title: methodTitle, source: methodSource } = loaded.methods.get(made.method) as Method;
  const { baseModel } = loaded.recipe;
  const models = made.models.map((text) => {
    const parsed = parseReference(text);
    // A path with several @ has the long form only.
    const reference = "fault" in parsed ? { path: text } : parsed.reference;
    return { reference, base: baseModel !== undefined && sameReference(reference, baseModel) };
  });
  const about = { recipeText: loaded.text, methodTitle, methodSource, version, models };
  return makeAssets({ plan: made, results, draft, ...about, copyTokenizer, modelCard });
}

/** The function of a custom method, when the plan has one. */
function functionsOf(
  { methods }: LoadedRecipe,
  made: Plan,
): ReadonlyMap<string, Combine> | undefined {
  if (!made.steps.some(({ operation }) => operation.op === "custom")) return undefined;
  return new Map([[made.method, (methods.get(made.method) as CustomMethod).combine]]);
}

function referenceOnly({ backend, device }: MergeOptions): Backend {
  if (device === "cuda") {
    throw new MergeError("BACKEND", "custom methods run on the CPU", {
      hint: 'leave out device: "cuda"',
    });
  }
  if (backend !== "native") return chooseBackend("reference");
  throw new MergeError("BACKEND", "custom methods run on the reference backend", {
    hint: 'leave out backend: "native"',
  });
}

/** How long an aborted merge waits for its stage to be removed, in milliseconds. */
const PATIENCE = 15;

/** What a merge has made, beside its files. */
export interface Performed {
  /** By step of the plan. */
  results: StepResult[];
  /** `cuda` when a GPU made at least one tensor. */
  device: "cpu" | "cuda";
  /** What became of an interrupted merge that was found, and of a GPU. */
  notes: readonly string[];
}

/** Options of a merge, always with someone to tell progress to. */
export type PerformOptions = MergeOptions & Required<Pick<MergeOptions, "onProgress">>;

/** What is merged, and how. */
interface Running {
  loaded: LoadedRecipe;
  made: Plan;
  fused: FusedWork;
  backend: Backend;
  execute: ExecuteOptions;
  options: PerformOptions;
}

/** Where the work runs and how wide; tells `fallbacks` why a GPU is not taken. */
function placement(
  made: Plan,
  fused: FusedWork,
  backend: Backend,
  options: PerformOptions,
  fallbacks: string[],
): Pick<ExecuteOptions, "threads" | "threadsOnCpu" | "spare" | "device" | "io"> {
  const chosen = chooseDevice(options);
  const io = chooseIo(options.io);
  const device = backend.name === "native" ? chosen : undefined;
  const threads = chooseThreads(options.threads);
  const { fallback, ...fit } = fitBudget(
    made,
    fused,
    backend,
    threads,
    { io, device },
    options.maxMemory,
  );
  if (fallback !== undefined) fallbacks.push(fallback);
  return { ...fit, io };
}

/** What the plan says is written down while the threads work. */
async function draftManifest(made: Plan): Promise<ManifestDraft> {
  return new ManifestDraft(made, version);
}

/** Both results; when one fails, nothing of the other goes on. */
async function both<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second]);
  return [await first, await second];
}

/** Runs the plan on a stage up to the last file. */
async function fill(stage: Stage, running: Running): Promise<Omit<Performed, "device">> {
  const { loaded, made, fused, backend, execute, options } = running;
  const { sources } = fused;
  const merge = { plan: made, sources, resume: options.resume !== false };
  const { shards: whole, notes } = await resume(merge, stage, backend, execute);
  const shards = stage.createShards(made, new Set(whole.keys()));
  throwIfAborted(options.signal);
  checkInputs(sources, "opening");
  const { work, order } = workOf(made, fused, shards, whole);
  const { onProgress } = options;
  const execution = backend.execute(work, {
    ...execute,
    onOpened: () => checkInputs(sources, "opening"),
    // For a merge that goes on after this one was killed.
    onOutput: (shard, results) => stage.writeRecord(shard, writeRecord(merge, shard, results)),
    onBytes: progressOf(made, onProgress, bytesOf(made, whole)),
  });
  const [done, draft] = await both(execution, draftManifest(made));
  const results = inPlanOrder(made, done, order, whole);
  checkInputs(sources, "after");
  if (options.onNonfinite === "error") refuseNonfinite(made, results);
  stage.writeAssets(assetsOf(loaded, made, results, draft, options));
  progressOf(made, onProgress, 0)(outputBytes(made));
  throwIfAborted(options.signal);
  return { results, notes: [...stage.notes, ...notes] };
}

/**
 * Executes a plan and publishes the result at `options.out`. Tensors of `files` are made on the
 * way, by the plans that they belong to.
 */
export async function perform(
  loaded: LoadedRecipe,
  made: Plan,
  options: PerformOptions,
  files: PlannedFiles = new Map(),
): Promise<Performed> {
  const fused = fuse(made, files);
  const functions = functionsOf(loaded, made);
  const backend =
    functions === undefined
      ? chooseBackend(options.backend, options.device)
      : referenceOnly(options);
  const fallbacks: string[] = [];
  let accelerated = 0;
  const execute: ExecuteOptions = {
    ...placement(made, fused, backend, options, fallbacks),
    isa: chooseIsa(options.isa),
    sync: options.sync ?? true,
    onFallback: (reason) => fallbacks.push(reason),
    onAccelerated: (steps) => {
      accelerated += steps;
    },
    signal: options.signal,
    functions,
  };
  // What is wrong with the donor's small files shows before anything is computed.
  donorAssets(made, { copyTokenizer: options.copyTokenizer ?? true });
  const stage = new Stage(options.out, made, execute.sync);
  try {
    const performed = await fill(stage, { loaded, made, fused, backend, execute, options });
    stage.publish(options.overwrite ?? false);
    const notes = fallbacks.map((reason) => `computed on the CPU: ${reason}`);
    return {
      ...performed,
      device: accelerated > 0 ? "cuda" : "cpu",
      notes: [...performed.notes, ...new Set(notes)],
    };
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
