/** Thresholds over whole models; mirrors native/engine/operations/census.cpp. */
import type { Census } from "../run/work.ts";
import { BLOCK } from "./lanes.ts";
import { magnitudeKey, type Selection, select } from "./select.ts";
import { difference } from "./sparsify.ts";
import type { StepIo } from "./step.ts";

/** Keys of the trim's flat vector, in order. */
function* keysOf(io: StepIo, { pairs }: Census, trim: number): Generator<Uint32Array> {
  for (const [p, pair] of pairs.entries()) {
    if (pair.trim !== trim) continue;
    for (let first = 0; first < pair.count; first += BLOCK) {
      const range = { index: first / BLOCK, first, count: Math.min(BLOCK, pair.count - first) };
      yield difference(io, 2 * p, 2 * p + 1, range).bits.map(magnitudeKey);
    }
  }
}

export function* census(io: StepIo, operation: Census): Generator<void> {
  const found: Selection[] = [];
  for (const [trim, keep] of operation.keep.entries()) {
    const own = operation.pairs.filter((pair) => pair.trim === trim);
    const count = own.reduce((sum, pair) => sum + pair.count, 0);
    const all = { threshold: 0, cut: count };
    found[trim] =
      keep >= count ? all : yield* select(keep, count, () => keysOf(io, operation, trim));
  }
  io.shared.thresholds = found;
}
