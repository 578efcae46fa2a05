/** ram and ramplus_tl; mirrors native/kernels/ram.h, which specifies them. */
import type { Operation } from "../plan/types.ts";
import type { Range, StepIo } from "./step.ts";
import type { Tile } from "./tile.ts";

type RamOperation = Extract<Operation, { op: "ram" }>;

interface Part {
  base: Tile;
  tiles: Tile[];
  deltas: Float32Array[];
  /** Active models of each element. */
  counts: Uint16Array;
}

function partOf(io: StepIo, operation: RamOperation, range: Range): Part {
  const base = io.tile(operation.base, range);
  const tiles = operation.inputs.map((input) => io.tile(input, range));
  const deltas = tiles.map(({ values }) => values.map((x, i) => x - base.values[i]));
  const counts = new Uint16Array(range.count);
  for (const delta of deltas) {
    for (let i = 0; i < range.count; i++) if (Math.abs(delta[i]) > operation.epsilon) counts[i]++;
  }
  return { base, tiles, deltas, counts };
}

export function* ram(io: StepIo, operation: RamOperation): Generator<void> {
  const boosts = yield* boostsOf(io, operation);
  for (const range of io.ranges()) {
    const { base, tiles, deltas, counts } = partOf(io, operation, range);
    const out = new Float32Array(range.count);
    for (let i = 0; i < range.count; i++) {
      const part = Math.fround(1 / (counts[i] === 0 ? 1 : counts[i]));
      let sum = 0;
      deltas.forEach((delta, m) => {
        const d = delta[i];
        const active = Math.abs(d) > operation.epsilon;
        const factor = counts[i] === 1 ? boosts[m] : part;
        const term = Number.isNaN(d) ? d : active ? Math.fround(d * factor) : 0;
        sum = Math.fround(sum + term);
      });
      out[i] = sum === 0 ? base.values[i] : base.values[i] + sum;
    }
    io.writeTile(range, out, [base, ...tiles]);
    yield;
  }
}

function* boostsOf(io: StepIo, operation: RamOperation): Generator<void, number[]> {
  const { boost, inputs, epsilon } = operation;
  if (boost === null) return inputs.map(() => 1);
  const shared = inputs.map(() => 0);
  const unique = inputs.map(() => 0);
  for (const range of io.ranges()) {
    const { deltas, counts } = partOf(io, operation, range);
    deltas.forEach((delta, m) => {
      for (let i = 0; i < range.count; i++) {
        if (!(Math.abs(delta[i]) > epsilon)) continue;
        if (counts[i] === 1) unique[m]++;
        else shared[m]++;
      }
    });
    yield;
  }
  return shared.map((count, m) => {
    const ratio = Math.fround(Math.fround(count) / Math.max(Math.fround(unique[m]), epsilon));
    return Math.fround(1 + Math.fround(boost.r * Math.min(ratio, boost.alpha)));
  });
}
