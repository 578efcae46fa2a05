/**
 * The task-arithmetic family: base + λ·combine(sparsify(xᵢ − base)). Mirrors
 * native/kernels/task_arithmetic.h, which specifies the arithmetic of one element; `ties.ts`
 * replaces the plain sum by the elected one. Phases as in native/engine/operations/task.cpp.
 */
import type { Operation, Sparsify } from "../plan/types.ts";
import { sumBlock } from "./lanes.ts";
import { keepRandom } from "./philox.ts";
import { magnitudeKey, type Selection, select } from "./select.ts";
import type { Range, StepIo } from "./step.ts";
import { elect } from "./ties.ts";
import { makeTile, type Tile } from "./tile.ts";

export type TaskOperation = Extract<Operation, { op: "task" }>;

/** How one model's delta is masked and rescaled, once that is known. */
interface Mask {
  sparsify: Sparsify;
  selection: Selection | undefined;
  rescale: number;
}

const SMALL_SUM = 1e-7;

export function* task(io: StepIo, operation: TaskOperation): Generator<void> {
  const masks: Mask[] = [];
  for (let m = 0; m < operation.inputs.length; m++) masks.push(yield* makeMask(io, operation, m));
  for (const range of io.ranges()) {
    mergeBlock(io, operation, masks, range);
    yield;
  }
}

function* makeMask(io: StepIo, operation: TaskOperation, m: number): Generator<void, Mask> {
  let sparsify = operation.sparsify[m];
  if (sparsify.kind === "magnitude" && sparsify.keep >= io.step.count) sparsify = { kind: "none" };
  const mask: Mask = { sparsify, selection: undefined, rescale: 1 };
  if (sparsify.kind === "magnitude") {
    const passes = () => keysOf(io, operation, m);
    mask.selection = yield* select(sparsify.keep, io.step.count, passes);
  }
  if (operation.rescale && sparsify.kind !== "none") {
    mask.rescale = yield* rescaleOf(io, operation, m, mask);
  }
  return mask;
}

function deltaOf(io: StepIo, operation: TaskOperation, m: number, range: Range): Tile {
  const base = io.tile(operation.base, range).values;
  const x = io.tile(operation.inputs[m], range).values;
  const delta = makeTile(range.count);
  for (let i = 0; i < range.count; i++) delta.values[i] = x[i] - base[i];
  return delta;
}

function* keysOf(io: StepIo, operation: TaskOperation, m: number): Generator<Uint32Array> {
  for (const range of io.ranges()) {
    yield deltaOf(io, operation, m, range).bits.map(magnitudeKey);
  }
}

/** One flag an element: is it kept? Undefined when all are. */
function keptOf(operation: TaskOperation, mask: Mask, delta: Tile, range: Range): Uint8Array | undefined {
  const { sparsify, selection } = mask;
  if (sparsify.kind === "none") return undefined;
  if (sparsify.kind === "random") {
    return keepRandom(range.first, range.count, sparsify.threshold, sparsify.model, operation.key);
  }
  const { threshold, cut } = selection as Selection;
  return Uint8Array.from(delta.bits, (bits, i) => {
    const key = magnitudeKey(bits);
    return key > threshold || (key === threshold && range.first + i < cut) ? 1 : 0;
  });
}

/** L1 norm before over after the mask; 1 where either is small or the ratio is not finite. */
function* rescaleOf(
  io: StepIo,
  operation: TaskOperation,
  m: number,
  mask: Mask,
): Generator<void, number> {
  let before = 0;
  let after = 0;
  for (const range of io.ranges()) {
    const delta = deltaOf(io, operation, m, range);
    const kept = keptOf(operation, mask, delta, range) as Uint8Array;
    before += sumBlock(range.count, (i) => Math.abs(delta.values[i]));
    after += sumBlock(range.count, (i) => (kept[i] === 1 ? Math.abs(delta.values[i]) : 0));
    yield;
  }
  const ratio = before / after;
  const usable = before >= SMALL_SUM && after >= SMALL_SUM && Number.isFinite(ratio);
  return usable ? Math.fround(ratio) : 1;
}

function mergeBlock(io: StepIo, operation: TaskOperation, masks: readonly Mask[], range: Range): void {
  const base = io.tile(operation.base, range);
  const tiles = operation.inputs.map((input) => io.tile(input, range));
  const deltas = masks.map((mask, m) => {
    const delta = deltaOf(io, operation, m, range);
    weigh(delta.values, keptOf(operation, mask, delta, range), operation, mask, m);
    return delta.values;
  });
  const out = new Float32Array(range.count);
  const lambda = operation.lambda;
  for (let i = 0; i < range.count; i++) {
    let sum = operation.consensus ? elect(operation, deltas, i) : add(operation, deltas, i);
    if (lambda !== 1) sum = Math.fround(sum * lambda);
    out[i] = sum === 0 ? base.values[i] : base.values[i] + sum;
  }
  io.writeTile(range, out, [base, ...tiles]);
}

/** Mask, rescale and weight, in place. */
function weigh(
  delta: Float32Array,
  kept: Uint8Array | undefined,
  operation: TaskOperation,
  mask: Mask,
  m: number,
): void {
  for (let i = 0; i < delta.length; i++) {
    const d = kept === undefined || kept[i] === 1 ? delta[i] : 0;
    delta[i] = Math.fround(d * mask.rescale) * operation.weights[m];
  }
}

function add(operation: TaskOperation, deltas: readonly Float32Array[], i: number): number {
  let sum = deltas[0][i];
  for (let m = 1; m < deltas.length; m++) sum = Math.fround(sum + deltas[m][i]);
  return operation.normalize ? Math.fround(sum / operation.divisor) : sum;
}
