/**
 * arcee_fusion; mirrors native/engine/operations/arcee_fusion.cpp, which specifies it. A quantile is
 * the element at index trunc(q·(n − 1)) of the ascending order, the product in binary32.
 */
import type { Operation } from "../plan/types.ts";
import { exponential, logarithm } from "./angles.ts";
import { bitsOf } from "./codec.ts";
import { BLOCK } from "./lanes.ts";
import { select } from "./select.ts";
import type { Range, StepIo } from "./step.ts";

type FusionOperation = Extract<Operation, { op: "arcee_fusion" }>;

const SMALL_PROBABILITY = 1e-8;
const NAN_KEY = 0xffffffff;

/** Unsigned integers in the order of floats; NaN is the largest. */
function orderedKey(value: number): number {
  const bits = bitsOf(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return NAN_KEY;
  return (bits & 0x80000000) !== 0 ? ~bits >>> 0 : (bits | 0x80000000) >>> 0;
}

const word: Uint32Array<ArrayBuffer> = new Uint32Array(1);
const float: Float32Array<ArrayBuffer> = new Float32Array(word.buffer);

function valueOfKey(key: number): number {
  word[0] = (key & 0x80000000) !== 0 ? key & 0x7fffffff : ~key;
  return float[0];
}

export function* arceeFusion(io: StepIo, operation: FusionOperation): Generator<void> {
  const divergences = yield* divergencesOf(io, operation);
  const keys = (range: Range) => keysOf(io, operation, divergences, range);
  const threshold = yield* thresholdOf(io, keys);
  for (const range of io.ranges()) {
    const base = io.tile(operation.base, range);
    const x = io.tile(operation.input, range);
    const chosen = keys(range);
    const out = new Float32Array(range.count);
    for (let i = 0; i < range.count; i++) {
      const known = chosen[i] !== NAN_KEY && threshold !== NAN_KEY;
      out[i] = known && chosen[i] >= threshold ? x.values[i] : base.values[i];
    }
    // An input's NaN is settled to its own bits only where it was chosen or lies in the base.
    io.writeTile(range, out, [base, x]);
    yield;
  }
}

function* divergencesOf(io: StepIo, operation: FusionOperation): Generator<void, Float32Array> {
  const { width, input, base } = operation;
  const rows = Math.ceil(io.step.count / width);
  const out = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const p = softmax(rowOf(io, input, row, width));
    const q = softmax(rowOf(io, base, row, width));
    let sum = 0;
    for (let i = 0; i < p.length; i++) sum += p[i] * logarithm(p[i] / q[i]);
    out[row] = sum;
    if (row % 64 === 0) yield;
  }
  return out;
}

function rowOf(io: StepIo, input: number, row: number, width: number): Float64Array {
  const out = new Float64Array(width);
  for (let at = 0; at < width; at += BLOCK) {
    const range = { index: 0, first: row * width + at, count: Math.min(BLOCK, width - at) };
    out.set(io.tile(input, range).values, at);
  }
  return out;
}

/** Softmax plus 1e-8, in place. */
function softmax(row: Float64Array): Float64Array {
  let largest = row[0];
  for (const each of row) largest = each > largest ? each : largest;
  let sum = 0;
  for (let i = 0; i < row.length; i++) {
    row[i] = exponential(row[i] - largest);
    sum += row[i];
  }
  for (let i = 0; i < row.length; i++) row[i] = row[i] / sum + SMALL_PROBABILITY;
  return row;
}

function keysOf(
  io: StepIo,
  { base, input, width }: FusionOperation,
  divergences: Float32Array,
  range: Range,
): Uint32Array {
  const from = io.tile(base, range).values;
  const x = io.tile(input, range).values;
  return Uint32Array.from(x, (value, i) => {
    const distance = Math.abs(Math.fround(value - from[i]));
    return orderedKey(distance * divergences[Math.floor((range.first + i) / width)]);
  });
}

function* thresholdOf(io: StepIo, keys: (range: Range) => Uint32Array): Generator<void, number> {
  const passes = function* (): Generator<Uint32Array> {
    for (const range of io.ranges()) yield keys(range);
  };
  const quantile = function* (q: number): Generator<void, number> {
    const last = io.step.count - 1;
    const index = Math.min(Math.trunc(Math.fround(q * Math.fround(last))), last);
    const { threshold } = yield* select(io.step.count - index, io.step.count, passes);
    return valueOfKey(threshold);
  };
  const first = yield* quantile(0.25);
  const median = yield* quantile(0.5);
  const third = yield* quantile(0.75);
  const spread = Math.fround(1.5 * Math.fround(third - first));
  return orderedKey(Math.fround(median + spread));
}
