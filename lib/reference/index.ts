/**
 * The reference backend: the specification of every operation in TypeScript, run over the same Work
 * as the native engine and yielding the same bytes. It reads block by block, so its memory does not
 * grow with the model.
 */
import { closeSync, fsyncSync, openSync } from "node:fs";
import { MergeError } from "../errors.ts";
import { byteLength } from "../format/dtype.ts";
import type { Combine } from "../methods/custom.ts";
import type { Backend, ExecuteOptions, Place, StepResult, Work, WorkStep } from "../run/work.ts";
import { arceeFusion } from "./arcee_fusion.ts";
import { census } from "./census.ts";
import { copy } from "./copy.ts";
import { combineOf, custom } from "./custom.ts";
import { linear } from "./linear.ts";
import { TorchStream } from "./mt19937.ts";
import { nearswap } from "./nearswap.ts";
import { ram } from "./ram.ts";
import { sce } from "./sce.ts";
import { span } from "./span.ts";
import { type Opened, type Shared, StepIo } from "./step.ts";
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
  custom: (io, operation, functions) => custom(io, operation, combineOf(operation, functions)),
};

/** Names of the operations this backend has. */
export const referenceOperations: readonly string[] = Object.keys(OPERATIONS);

function open(place: Place, flags: "r" | "r+"): Opened {
  if ("memory" in place) return place;
  return { descriptor: openSync(place.path, flags), path: place.path };
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
    const nested = (work.nested ?? [])[source - sources.length];
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
  { sync, functions, onOpened }: ExecuteOptions,
  results: StepResult[],
): Generator<number> {
  const opened: Opened[] = [];
  const openAll = (places: readonly Place[], flags: "r" | "r+"): Opened[] =>
    places.map((place) => {
      const each = open(place, flags);
      opened.push(each);
      return each;
    });
  let done = 0;
  try {
    const sources = openAll(work.sources, "r");
    const outputs = openAll(work.outputs, "r+");
    onOpened?.();
    const shared: Shared = { stream: new TorchStream(), thresholds: [] };
    for (const step of work.steps) {
      const made = yield* makeNested(step, { work, sources, shared, functions }, done);
      const io = new StepIo(step, made, outputs, shared);
      for (const _ of runStep(io, functions)) yield done + io.bytesDone;
      done += io.bytesDone;
      results.push(io.result());
    }
    if (sync) for (const each of outputs) if ("descriptor" in each) fsyncSync(each.descriptor);
  } finally {
    for (const each of opened) if ("descriptor" in each) closeSync(each.descriptor);
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
