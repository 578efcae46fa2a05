/**
 * The reference backend: the specification of every operation in TypeScript, run over the same Work
 * as the native engine and yielding the same bytes. It reads block by block, so its memory does not
 * grow with the model.
 */
import { MergeError } from "../errors.ts";
import type { Combine } from "../methods/custom.ts";
import type { Operation } from "../plan/types.ts";
import type { Backend, ExecuteOptions, Place, StepResult, Work } from "../run/work.ts";
import { arceeFusion } from "./arcee_fusion.ts";
import { copy } from "./copy.ts";
import { combineOf, custom } from "./custom.ts";
import { KeptFile } from "./kept_file.ts";
import { linear } from "./linear.ts";
import { TorchStream } from "./mt19937.ts";
import { nearswap } from "./nearswap.ts";
import { ram } from "./ram.ts";
import { sce } from "./sce.ts";
import { span } from "./span.ts";
import { type Opened, StepIo } from "./step.ts";
import { task } from "./task_arithmetic.ts";

/** How each operation runs; the counterpart of native/engine/operations. */
const OPERATIONS: {
  readonly [K in Operation["op"]]: (
    io: StepIo,
    operation: Extract<Operation, { op: K }>,
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
  custom: (io, operation, functions) => custom(io, operation, combineOf(operation, functions)),
};

/** Names of the operations this backend has. */
export const referenceOperations: readonly string[] = Object.keys(OPERATIONS);

/** Runs step after step; yields after each block with the bytes of output done so far. */
function* runSteps(
  work: Work,
  { sync, functions, onOpened }: ExecuteOptions,
  results: StepResult[],
): Generator<number> {
  const opened: KeptFile[] = [];
  const openAll = (places: readonly Place[], flags: "r" | "r+"): Opened[] =>
    places.map((place) => {
      if ("memory" in place) return place;
      const file = new KeptFile(place.path, flags);
      opened.push(file);
      return { file };
    });
  let done = 0;
  try {
    const sources = openAll(work.sources, "r");
    const outputs = openAll(work.outputs, "r+");
    onOpened?.();
    const stream = new TorchStream();
    for (const step of work.steps) {
      const io = new StepIo(step, sources, outputs, stream);
      const run = OPERATIONS[step.operation.op] as (
        io: StepIo,
        operation: Operation,
        functions: ExecuteOptions["functions"],
      ) => Generator<void>;
      for (const _ of run(io, step.operation, functions)) yield done + io.bytesDone;
      done += io.bytesDone;
      results.push(io.result());
    }
    for (const each of outputs) if ("file" in each) each.file.finish(sync);
  } finally {
    for (const file of opened) file.release();
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
