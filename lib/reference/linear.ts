/**
 * linear: y = (w0·x0 + w1·x1 + …) [/ divisor]; mirrors native/kernels/linear.h, which specifies it.
 */
import type { Range, StepIo } from "./step.ts";
import type { Tile } from "./tile.ts";

export interface Combination {
  inputs: readonly number[];
  weights: readonly number[];
  divisor: number | null;
  mean: boolean;
}

export function* linear(io: StepIo, combination: Combination): Generator<void> {
  for (const range of io.ranges()) {
    combineBlock(io, combination, range);
    yield;
  }
}

function combineBlock(io: StepIo, combination: Combination, range: Range): void {
  const tiles = combination.inputs.map((input) => io.tile(input, range));
  const out = new Float32Array(range.count);
  for (let i = 0; i < range.count; i++) out[i] = combine(combination, tiles, i);
  io.writeTile(range, out, tiles);
}

function combine(
  { weights, divisor, mean }: Combination,
  tiles: readonly Tile[],
  i: number,
): number {
  const first = tiles[0].values[i];
  let sum = Math.fround(weights[0] * first);
  let same = true;
  for (let m = 1; m < tiles.length; m++) {
    const x = tiles[m].values[i];
    sum = Math.fround(sum + Math.fround(weights[m] * x));
    same &&= x === first;
  }
  if (divisor !== null) sum = Math.fround(sum / divisor);
  return mean && same && !Number.isNaN(first) ? first : sum;
}
