/**
 * The task-arithmetic family: base + λ·combine(sparsify(xᵢ − base)). Mirrors
 * native/kernels/task_arithmetic.h, which specifies the arithmetic of one element; `ties.ts`
 * replaces the plain sum by the elected one. Phases as in native/engine/operations/task.cpp.
 */
import type { Operation } from "../plan/types.ts";
import { sumBlock } from "./lanes.ts";
import { deltaOf, type Mask, makeMask } from "./sparsify.ts";
import type { Range, StepIo } from "./step.ts";
import { elect } from "./ties.ts";

export type TaskOperation = Extract<Operation, { op: "task" }>;

const SMALL_SUM = 1e-7;

export function* task(io: StepIo, operation: TaskOperation): Generator<void> {
  const masks: Mask[] = [];
  const factors = [...operation.factors];
  for (let m = 0; m < operation.inputs.length; m++) masks.push(yield* makeMask(io, operation, m));
  for (let m = 0; m < masks.length && operation.rescale; m++) {
    if (masks[m].kept !== undefined) factors[m] = yield* rescaleOf(io, operation, m, masks[m]);
  }
  for (const range of io.ranges()) {
    mergeBlock(io, operation, masks, factors, range);
    yield;
  }
}

/** L1 norm before over after the mask; the plain factor where either is small or it is not finite. */
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
    const kept = mask.kept?.(delta, range) as Uint8Array;
    before += sumBlock(range.count, (i) => Math.abs(delta.values[i]));
    after += sumBlock(range.count, (i) => (kept[i] === 1 ? Math.abs(delta.values[i]) : 0));
    yield;
  }
  const ratio = before / after;
  const usable = before >= SMALL_SUM && after >= SMALL_SUM && Number.isFinite(ratio);
  return usable ? Math.fround(ratio) : operation.factors[m];
}

function mergeBlock(
  io: StepIo,
  operation: TaskOperation,
  masks: readonly Mask[],
  factors: readonly number[],
  range: Range,
): void {
  const base = io.tile(operation.base, range);
  const tiles = operation.inputs.map((input) => io.tile(input, range));
  const masked = masks.some(({ kept }) => kept !== undefined);
  const deltas = masks.map(({ kept, inverse }, m) => {
    const delta = deltaOf(io, operation, m, range);
    const own = inverse?.subarray(range.first, range.first + range.count);
    const factor = masked ? factors[m] : 1;
    weigh(delta.values, kept?.(delta, range), own, factor, operation.weights[m]);
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

/** Mask, rescale (by the element's own factor first) and weight, in place. */
function weigh(
  delta: Float32Array,
  kept: Uint8Array | undefined,
  own: Float32Array | undefined,
  factor: number,
  weight: number,
): void {
  for (let i = 0; i < delta.length; i++) {
    let d = kept === undefined || kept[i] === 1 ? delta[i] : 0;
    if (own !== undefined) d = Math.fround(d * own[i]);
    delta[i] = Math.fround(d * factor) * weight;
  }
}

function add(operation: TaskOperation, deltas: readonly Float32Array[], i: number): number {
  let sum = deltas[0][i];
  for (let m = 1; m < deltas.length; m++) sum = Math.fround(sum + deltas[m][i]);
  return operation.normalize !== false ? Math.fround(sum / operation.divisor) : sum;
}
