/** sce; mirrors native/kernels/sce.h, which specifies it, and native/engine/operations/sce.cpp. */
import type { Operation } from "../plan/types.ts";
import { bitsOf } from "./codec.ts";
import { sumBlock } from "./lanes.ts";
import { magnitudeKey, type Selection, select } from "./select.ts";
import type { Range, StepIo } from "./step.ts";
import type { Tile } from "./tile.ts";

type SceOperation = Extract<Operation, { op: "sce" }>;
/** Says for a key and an index whether the position is selected. */
type Selected = (key: number, index: number) => boolean;

const SMALL_SHARE = 1e-6;
const LEAST: number = Math.fround(1e-6);

interface Part {
  base: Tile;
  tiles: Tile[];
  deltas: Float32Array[];
}

function partOf(io: StepIo, operation: SceOperation, range: Range): Part {
  const base = io.tile(operation.base, range);
  const tiles = operation.inputs.map((input) => io.tile(input, range));
  return {
    base,
    tiles,
    deltas: tiles.map(({ values }) => values.map((x, i) => x - base.values[i])),
  };
}

/** Keys of the population variances of a block. */
function variances({ deltas }: Part): Uint32Array {
  const n = deltas.length;
  return Uint32Array.from(deltas[0], (first, i) => {
    let mean = first;
    for (let m = 1; m < n; m++) mean = Math.fround(mean + deltas[m][i]);
    mean = Math.fround(mean / n);
    let squares = 0;
    for (const delta of deltas) {
      const off = Math.fround(delta[i] - mean);
      squares = Math.fround(squares + Math.fround(off * off));
    }
    return magnitudeKey(bitsOf(Math.fround(squares / n)));
  });
}

export function* sce(io: StepIo, operation: SceOperation): Generator<void> {
  const selected = yield* selectedOf(io, operation);
  const shares = yield* sharesOf(io, operation, selected);
  for (const range of io.ranges()) {
    const part = partOf(io, operation, range);
    erase(part, range, selected);
    const out = new Float32Array(range.count);
    for (let i = 0; i < range.count; i++) {
      const delta = combine(part.deltas, shares, i);
      out[i] = delta === 0 ? part.base.values[i] : part.base.values[i] + delta;
    }
    io.writeTile(range, out, [part.base, ...part.tiles]);
    yield;
  }
}

/** Undefined when every position is selected. */
function* selectedOf(io: StepIo, operation: SceOperation): Generator<void, Selected | undefined> {
  if (!(operation.topk < 1)) return undefined;
  let nonzero = 0;
  for (const range of io.ranges()) {
    for (const key of variances(partOf(io, operation, range))) if (key !== 0) nonzero++;
    yield;
  }
  const wanted = Math.trunc(Math.max(0, Math.fround(Math.fround(nonzero) * operation.topk)));
  if (wanted === 0) return () => false;
  // Beyond 2^24 elements rounding can ask for more than there are.
  const keep = Math.min(wanted, io.step.count);
  const passes = function* (): Generator<Uint32Array> {
    for (const range of io.ranges()) yield variances(partOf(io, operation, range));
  };
  const { threshold, cut }: Selection = yield* select(keep, io.step.count, passes);
  return (key, index) => key > threshold || (key === threshold && index < cut);
}

/** Sets the deltas of positions that are not selected to +0. */
function erase(part: Part, range: Range, selected: Selected | undefined): void {
  if (selected === undefined) return;
  const keys = variances(part);
  for (let i = 0; i < range.count; i++) {
    if (!selected(keys[i], range.first + i)) for (const delta of part.deltas) delta[i] = 0;
  }
}

function* sharesOf(
  io: StepIo,
  operation: SceOperation,
  selected: Selected | undefined,
): Generator<void, number[]> {
  const sums = operation.inputs.map(() => 0);
  for (const range of io.ranges()) {
    const part = partOf(io, operation, range);
    erase(part, range, selected);
    part.deltas.forEach((delta, m) => {
      sums[m] += sumBlock(range.count, (i) => delta[i] * delta[i]);
    });
    yield;
  }
  const means = sums.map((sum) => sum / io.step.count);
  const total = means.reduce((sum, mean) => sum + mean, 0);
  const uniform = !(total >= SMALL_SHARE);
  return means.map((mean) => Math.fround(uniform ? 1 / means.length : mean / total));
}

function combine(deltas: readonly Float32Array[], shares: readonly number[], i: number): number {
  let vote = deltas[0][i];
  for (let m = 1; m < deltas.length; m++) vote = Math.fround(vote + deltas[m][i]);
  const sign = vote >= 0 ? 1 : -1;
  let sum = 0;
  let share = 0;
  for (let m = 0; m < deltas.length; m++) {
    if (!(deltas[m][i] * sign > 0)) continue;
    sum = Math.fround(sum + Math.fround(shares[m] * deltas[m][i]));
    share = Math.fround(share + shares[m]);
  }
  if (Number.isNaN(vote)) return vote;
  return Math.fround(sum / (share < LEAST ? LEAST : share));
}
