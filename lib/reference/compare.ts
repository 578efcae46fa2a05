/**
 * compare: statistics of tensors that belong together, in one pass; mirrors native/kernels/compare.h
 * and native/engine/operations/compare.cpp. With the first input b and the others x₁ … xₘ, and
 * dᵢ = xᵢ − b rounded to binary32, the numbers are
 *
 *     elements at which an input is not finite, which are left out of everything but `equal`
 *     Σ b²
 *     elements with deltas of both signs; elements with a delta; Σ |d₁ + … + dₘ|   (`task`, else 0)
 *     for each i: elements with equal bits, max |dᵢ|, Σ |dᵢ|, Σ dᵢ², Σ b·xᵢ, Σ xᵢ²,
 *                 redundancy, share of the top                                     (`task`, else 0)
 *     for each i < j: Σ xᵢ·xⱼ, or with `task` Σ dᵢ·dⱼ
 *
 * Sums are binary64 by lanes and blocks; d₁ + … + dₘ is added in binary32. Of tensors that are not
 * floats only the equal bytes are counted.
 */
import { MergeError } from "../errors.ts";
import { isFloatDtype } from "../format/dtype.ts";
import type { Compare } from "../run/work.ts";
import { sumBlock } from "./lanes.ts";
import type { Range, StepIo } from "./step.ts";
import { makeTile, type Tile } from "./tile.ts";

/** Magnitudes by exponent and four bits of the mantissa; what is infinite counts as the largest. */
const SHIFT = 19;
const MAGNITUDES = 0xff0;

/** Of the squared length, what `redundancy` may lose; of the elements, how many are the top. */
const LOSS = 0.01;
const TOP = 0.2;

/** Numbers that a comparison of a tensor with `models` others writes. */
export function numbersOf(models: number): number {
  return 5 + 8 * models + (models * (models - 1)) / 2;
}

/** Middle of the magnitudes of each bin, squared; the first, of zeros, counts as nothing. */
const SQUARES: Float64Array = (() => {
  const middles = makeTile(MAGNITUDES);
  for (let bin = 0; bin < MAGNITUDES; bin++)
    middles.bits[bin] = (bin << SHIFT) | (1 << (SHIFT - 1));
  return Float64Array.from(middles.values, (value, bin) => (bin === 0 ? 0 : value * value));
})();

/** Share of elements, smallest first, that hold at most LOSS of the squared length. */
export function redundancyOf(bins: ArrayLike<number>, total: number, count: number): number {
  const room = LOSS * total;
  let [lost, elements] = [0, 0];
  for (let i = 0; i < MAGNITUDES; i++) {
    const energy = bins[i] * SQUARES[i];
    if (lost + energy > room) return (elements + ((room - lost) / energy) * bins[i]) / count;
    lost += energy;
    elements += bins[i];
  }
  return elements / count;
}

/** Share of the squared length that the TOP of largest magnitude hold. */
export function topOf(bins: ArrayLike<number>, total: number, count: number): number {
  const room = TOP * count;
  let [kept, elements] = [0, 0];
  for (let i = MAGNITUDES - 1; i >= 0; i--) {
    const energy = bins[i] * SQUARES[i];
    if (elements + bins[i] > room) return (kept + ((room - elements) / bins[i]) * energy) / total;
    kept += energy;
    elements += bins[i];
  }
  return kept / total;
}

/** What is known of one of the others. */
class Compared {
  equal = 0;
  largest = 0;
  absolute = 0;
  squares = 0;
  product = 0;
  own = 0;
  readonly bins: Float64Array = new Float64Array(MAGNITUDES);

  numbers(task: boolean, count: number): number[] {
    const { equal, largest, absolute, squares, product, own, bins } = this;
    const plain = [equal, largest, absolute, squares, product, own];
    const total = task ? bins.reduce((sum, each, i) => sum + each * SQUARES[i], 0) : 0;
    if (!(total > 0)) return [...plain, 0, 0];
    return [...plain, redundancyOf(bins, total, count), topOf(bins, total, count)];
  }
}

/** The sums of one step. */
class Comparison {
  readonly #task: boolean;
  readonly #others: Compared[];
  readonly #pairs: { i: number; j: number; product: number }[] = [];
  #nonfinite = 0;
  #base = 0;
  #conflicts = 0;
  #active = 0;
  #combined = 0;

  constructor(models: number, task: boolean) {
    this.#task = task;
    this.#others = Array.from({ length: models }, () => new Compared());
    for (let i = 0; i < models; i++) {
      for (let j = i + 1; j < models; j++) this.#pairs.push({ i, j, product: 0 });
    }
  }

  addBytes(base: Uint8Array, others: readonly Uint8Array[]): void {
    others.forEach((x, m) => {
      for (let i = 0; i < x.length; i++) if (x[i] === base[i]) this.#others[m].equal++;
    });
  }

  add(tiles: readonly Tile[]): void {
    const [base, ...others] = tiles;
    this.#others.forEach((known, m) => {
      for (let i = 0; i < base.bits.length; i++) {
        if (others[m].bits[i] === base.bits[i]) known.equal++;
      }
    });
    this.#nonfinite += clear(tiles);
    const b = base.values;
    const count = b.length;
    const deltas = others.map(({ values }) => {
      const delta = makeTile(count);
      for (let i = 0; i < count; i++) delta.values[i] = values[i] - b[i];
      return delta;
    });
    this.#base += sumBlock(count, (i) => b[i] * b[i]);
    this.#others.forEach((known, m) => {
      addOne(known, b, others[m].values, deltas[m], this.#task);
    });
    const of = this.#task ? deltas : others;
    for (const pair of this.#pairs) {
      const [x, y] = [of[pair.i].values, of[pair.j].values];
      pair.product += sumBlock(count, (i) => x[i] * y[i]);
    }
    if (this.#task) this.#addTogether(deltas, count);
  }

  #addTogether(deltas: readonly Tile[], count: number): void {
    for (let i = 0; i < count; i++) {
      const above = deltas.some(({ values }) => values[i] > 0);
      const below = deltas.some(({ values }) => values[i] < 0);
      if (above && below) this.#conflicts++;
      if (above || below) this.#active++;
    }
    this.#combined += sumBlock(count, (i) => {
      const sum = deltas.slice(1).reduce((s, { values }) => {
        return Math.fround(s + values[i]);
      }, deltas[0].values[i]);
      return Math.abs(sum);
    });
  }

  numbers(count: number): number[] {
    const together = [this.#conflicts, this.#active, this.#combined];
    return [
      this.#nonfinite,
      this.#base,
      ...together,
      ...this.#others.flatMap((known) => known.numbers(this.#task, count)),
      ...this.#pairs.map(({ product }) => product),
    ];
  }
}

/** Puts zeros wherever one of the tiles is not finite, and says at how many places. */
function clear(tiles: readonly Tile[]): number {
  let found = 0;
  for (let i = 0; i < tiles[0].bits.length; i++) {
    if (tiles.every(({ values }) => Number.isFinite(values[i]))) continue;
    found++;
    for (const { bits } of tiles) bits[i] = 0;
  }
  return found;
}

function addOne(
  known: Compared,
  base: Float32Array,
  x: Float32Array,
  delta: Tile,
  task: boolean,
): void {
  const d = delta.values;
  const count = d.length;
  for (let i = 0; i < count; i++) known.largest = Math.max(known.largest, Math.abs(d[i]));
  known.absolute += sumBlock(count, (i) => Math.abs(d[i]));
  known.squares += sumBlock(count, (i) => d[i] * d[i]);
  known.product += sumBlock(count, (i) => base[i] * x[i]);
  known.own += sumBlock(count, (i) => x[i] * x[i]);
  if (!task) return;
  for (const bits of delta.bits) {
    known.bins[Math.min((bits & 0x7fffffff) >>> SHIFT, MAGNITUDES - 1)]++;
  }
}

function storedOf(io: StepIo, range: Range): Uint8Array[] {
  return io.step.inputs.map((_, i) => io.stored(i, range));
}

export function* compare(io: StepIo, { task }: Compare): Generator<void> {
  const { inputs, count, dtype } = io.step;
  if (inputs.length < 2) throw new MergeError("ARGUMENT", "two inputs were expected");
  const comparison = new Comparison(inputs.length - 1, task);
  for (const range of io.ranges()) {
    const stored = storedOf(io, range);
    if (isFloatDtype(dtype)) comparison.add(inputs.map((_, i) => io.tile(i, range)));
    else comparison.addBytes(stored[0], stored.slice(1));
    io.bytesDone += stored.reduce((sum, { length }) => sum + length, 0);
    yield;
  }
  io.writeNumbers(comparison.numbers(count));
}
