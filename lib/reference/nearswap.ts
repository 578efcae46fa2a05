/** nearswap; mirrors native/kernels/nearswap.h, which specifies it. */
import type { StepIo } from "./step.ts";

const LEAST: number = Math.fround(1e-6);

export function* nearswap(io: StepIo, base: number, input: number, t: number): Generator<void> {
  for (const range of io.ranges()) {
    const from = io.tile(base, range);
    const to = io.tile(input, range);
    const out = new Float32Array(range.count);
    for (let i = 0; i < range.count; i++) out[i] = swap(from.values[i], to.values[i], t);
    io.writeTile(range, out, [from, to]);
    yield;
  }
}

function swap(base: number, x: number, t: number): number {
  let distance = Math.abs(Math.fround(base - x));
  if (distance < LEAST) distance = LEAST;
  let share = Math.fround(t / distance);
  if (share < 0) share = 0;
  if (share > 1) share = 1;
  if (share === 0 || x === base) return base;
  if (share === 1) return x;
  return Math.fround(share * x) + Math.fround(Math.fround(1 - share) * base);
}
