/**
 * The reference backend: the specification of every operation in TypeScript, run over the same Work
 * as the native engine and yielding the same bytes. It reads block by block, so its memory does not
 * grow with the model.
 */
import { MergeError } from "../errors.ts";
import { byteLength } from "../format/dtype.ts";
import type { Combine } from "../methods/custom.ts";
import type { Backend, ExecuteOptions, StepResult, Work, WorkStep } from "../run/work.ts";
import { arceeFusion } from "./arcee_fusion.ts";
import { census } from "./census.ts";
import { compare } from "./compare.ts";
import { copy } from "./copy.ts";
import { combineOf, custom } from "./custom.ts";
import { KeptFile } from "./kept_file.ts";
import { linear } from "./linear.ts";
import { TorchStream } from "./mt19937.ts";
import { nearswap } from "./nearswap.ts";
import { ram } from "./ram.ts";
import { sce } from "./sce.ts";
import { span } from "./span.ts";
import { type Opened, type OpenedOutput, type Shared, StepIo } from "./step.ts";
import { task } from "./task_arithmetic.ts";

type AnyOperation = WorkStep["operation"];

/** How each operation runs; the counterpart of native/engine/operations. */
const OPERATIONS: {
  readonly [K in AnyOperation["op"]]: (
    io: StepIo,
    operation: Extract<AnyOperation, { op: K }>,
    functions: ReadonlyMap<string, Combine> | undefined,
  ) => Generator<void>;
} = {
  copy: (io, { input }) => copy(io, input, []),
  same: (io) => copy(io, 0, io.step.inputs.map((_, i) => i).slice(1)),
  linear: (io, operation) => linear(io, operation),
  span: (io, operation) => span(io, operation),
  task: (io, operation) => task(io, operation),
  nearswap: (io, { base, input, t }) => nearswap(io, base, input, t),
  ram: (io, operation) => ram(io, operation),
  sce: (io, operation) => sce(io, operation),
  arcee_fusion: (io, operation) => arceeFusion(io, operation),
  census: (io, operation) => census(io, operation),
  compare: (io, operation) => compare(io, operation),
  custom: (io, operation, functions) => custom(io, operation, combineOf(operation, functions)),
};

/** Names of the operations this backend has. */
export const referenceOperations: readonly string[] = Object.keys(OPERATIONS);

/** The files of a work while it runs. */
class OpenFiles {
  readonly sources: readonly Opened[];
  readonly outputs: readonly OpenedOutput[];
  readonly #files: KeptFile[] = [];

  constructor({ sources, outputs }: Work) {
    const open = (path: string, flags: "r" | "r+") => {
      const file = new KeptFile(path, flags);
      this.#files.push(file);
      return { file };
    };
    try {
      this.sources = sources.map((place) => ("memory" in place ? place : open(place.path, "r")));
      this.outputs = outputs.map((place) => ("path" in place ? open(place.path, "r+") : place));
    } catch (error) {
      this.release();
      throw error;
    }
  }

  sync(output: number): void {
    const each = this.outputs[output];
    if ("file" in each) each.file.sync();
  }

  /** Closes the outputs; only then their bytes count as written. */
  finish(): void {
    for (const each of this.outputs) if ("file" in each) each.file.finish();
  }

  /** Lets go of all files, whatever has become of the work. */
  release(): void {
    for (const file of this.#files.splice(0)) file.release();
  }
}

/** Notices when the last step of an output is done. */
class OutputWatch {
  readonly #left: number[];
  readonly #results: StepResult[][];

  constructor({ outputs, steps }: Work) {
    this.#left = outputs.map(() => 0);
    this.#results = outputs.map(() => []);
    for (const { output, operation } of steps) if (operation.op !== "census") this.#left[output]++;
  }

  /** The results of the step's output, when it is complete by this step. */
  add({ output, operation }: WorkStep, result: StepResult): readonly StepResult[] | undefined {
    if (operation.op === "census") return undefined;
    this.#results[output].push(result);
    return --this.#left[output] === 0 ? this.#results[output] : undefined;
  }
}

function runStep(io: StepIo, functions: ExecuteOptions["functions"]): Generator<void> {
  const { operation } = io.step;
  const run = OPERATIONS[operation.op] as (
    io: StepIo,
    operation: AnyOperation,
    functions: ExecuteOptions["functions"],
  ) => Generator<void>;
  return run(io, operation, functions);
}

interface Around extends Pick<ExecuteOptions, "functions"> {
  work: Work;
  sources: readonly Opened[];
  shared: Shared;
}

/** The sources and, after them, the tensors of the nested steps that a step needs, in memory. */
function* makeNested(step: WorkStep, around: Around, done: number): Generator<number, Opened[]> {
  const { work, sources, shared, functions } = around;
  const all = [...sources];
  for (const { source } of step.inputs) {
    if (source < sources.length || all[source] !== undefined) continue;
    const nested = (work.nested as readonly WorkStep[])[source - sources.length];
    const inputs = yield* makeNested(nested, around, done);
    const memory = new Uint8Array(byteLength(nested.dtype, nested.count));
    const io = new StepIo(nested, inputs, [{ memory }], shared);
    for (const _ of runStep(io, functions)) yield done;
    all[source] = { memory };
  }
  return all;
}

/** Runs step after step; yields after each block with the bytes of output done so far. */
function* runSteps(
  work: Work,
  { sync, functions, onOpened, onOutput }: ExecuteOptions,
  results: StepResult[],
): Generator<number> {
  const files = new OpenFiles(work);
  const watch = new OutputWatch(work);
  let done = 0;
  try {
    onOpened?.();
    const shared: Shared = { stream: new TorchStream(), thresholds: [] };
    for (const step of work.steps) {
      const made = yield* makeNested(
        step,
        { work, sources: files.sources, shared, functions },
        done,
      );
      const io = new StepIo(step, made, files.outputs, shared);
      for (const _ of runStep(io, functions)) yield done + io.bytesDone;
      done += io.bytesDone;
      const whole = watch.add(step, results[results.push(io.result()) - 1]);
      if (whole === undefined || onOutput === undefined) continue;
      if (sync) files.sync(step.output);
      if (results.length < work.steps.length) onOutput(step.output, whole);
    }
    if (sync) for (const output of work.outputs.keys()) files.sync(output);
    files.finish();
  } finally {
    files.release();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** How long the event loop may be held before others get a turn, in milliseconds. */
const TURN = 10;

async function execute(work: Work, options: ExecuteOptions): Promise<StepResult[]> {
  if (options.signal?.aborted) throw abortError(options.signal);
  const results: StepResult[] = [];
  let turnStarted = performance.now();
  for (const bytesDone of runSteps(work, options, results)) {
    if (performance.now() - turnStarted < TURN) continue;
    await nextTurn();
    turnStarted = performance.now();
    options.onBytes?.(bytesDone);
    if (options.signal?.aborted) throw abortError(options.signal);
  }
  return results;
}

function executeSync(work: Work, options: ExecuteOptions): StepResult[] {
  const results: StepResult[] = [];
  for (const _ of runSteps(work, options, results)) void _;
  return results;
}

function abortError(signal: AbortSignal): MergeError {
  return new MergeError("ABORTED", "the merge was cancelled", { cause: signal.reason });
}

export const referenceBackend: Backend = { name: "reference", execute, executeSync };
