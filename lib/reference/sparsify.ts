/**
 * Which elements of a model's delta are kept; mirrors native/engine/operations/sparsify.cpp. Masks
 * that need whole rows or a sequential stream are made once, one byte an element; the others block
 * by block.
 */
import type { Sparsify } from "../plan/types.ts";
import { keepRandom, randomWords } from "./philox.ts";
import { magnitudeKey, type Selection, select } from "./select.ts";
import type { Range, StepIo } from "./step.ts";
import type { TaskOperation } from "./task_arithmetic.ts";
import { makeTile, type Tile } from "./tile.ts";

/** How one model's delta is masked; `kept` is undefined where every element stays. */
export interface Mask {
  kept: ((delta: Tile, range: Range) => Uint8Array) | undefined;
  /** A factor for every element of the tensor: 1 over its keep probability. */
  inverse?: Float32Array;
}

export function deltaOf(io: StepIo, operation: TaskOperation, m: number, range: Range): Tile {
  return difference(io, operation.inputs[m], operation.base, range);
}

/** Input `x` minus input `base`. */
export function difference(io: StepIo, x: number, base: number, range: Range): Tile {
  const from = io.tile(base, range).values;
  const to = io.tile(x, range).values;
  const delta = makeTile(range.count);
  for (let i = 0; i < range.count; i++) delta.values[i] = to[i] - from[i];
  return delta;
}

export function* makeMask(io: StepIo, operation: TaskOperation, m: number): Generator<void, Mask> {
  const sparsify = operation.sparsify[m];
  switch (sparsify.kind) {
    case "none":
      return { kept: undefined };
    case "magnitude":
      return largest(yield* selectionOf(io, operation, m, sparsify.keep), undefined);
    case "global": {
      const { threshold, cut } = io.shared.thresholds[sparsify.trim];
      return largest({ threshold, cut: cut - sparsify.first }, undefined);
    }
    case "outliers": {
      if (sparsify.keep === 0) return { kept: (_, { count }) => new Uint8Array(count) };
      const top = yield* selectionOf(io, operation, m, sparsify.top);
      return largest(yield* selectionOf(io, operation, m, sparsify.top + sparsify.keep), top);
    }
    case "row":
      return yield* rowMask(io, operation, m, sparsify);
    case "random":
      return randomMask(io, operation, sparsify);
    case "rank":
      return yield* rankMask(io, operation, m, sparsify);
  }
}

/** Selection of the `keep` largest; undefined when nothing or everything is selected. */
function* selectionOf(
  io: StepIo,
  operation: TaskOperation,
  m: number,
  keep: number,
): Generator<void, Selection | undefined> {
  if (keep < 1 || keep >= io.step.count) return undefined;
  return yield* select(keep, io.step.count, () => keysOf(io, operation, m));
}

function* keysOf(io: StepIo, operation: TaskOperation, m: number): Generator<Uint32Array> {
  for (const range of io.ranges()) {
    yield deltaOf(io, operation, m, range).bits.map(magnitudeKey);
  }
}

function isIn({ threshold, cut }: Selection, key: number, index: number): boolean {
  return key > threshold || (key === threshold && index < cut);
}

/** What the first selection holds and the second does not. */
function largest(selected: Selection | undefined, top: Selection | undefined): Mask {
  if (selected === undefined && top === undefined) return { kept: undefined };
  const kept = (delta: Tile, range: Range) =>
    Uint8Array.from(delta.bits, (bits, i) => {
      const key = magnitudeKey(bits);
      const index = range.first + i;
      const inside = selected === undefined || isIn(selected, key, index);
      return inside && !(top !== undefined && isIn(top, key, index)) ? 1 : 0;
    });
  return { kept };
}

function randomMask(
  io: StepIo,
  { key, torch }: TaskOperation,
  { threshold, model }: Extract<Sparsify, { kind: "random" }>,
): Mask {
  if (torch === null) {
    return { kept: (_, { first, count }) => keepRandom(first, count, threshold, model, key) };
  }
  const words = io.drawTorch(torch);
  const all = Uint8Array.from(words, (word) => ((word & 0xffffff) < threshold ? 1 : 0));
  return { kept: (_, { first, count }) => all.subarray(first, first + count) };
}

/** Keys of the row that begins at `first`. */
function rowKeys(io: StepIo, operation: TaskOperation, m: number, first: number): number[] {
  const keys: number[] = [];
  const end = first + operation.width;
  for (let at = first; at < end; at += 65_536) {
    const range = { index: 0, first: at, count: Math.min(65_536, end - at) };
    for (const bits of deltaOf(io, operation, m, range).bits) keys.push(magnitudeKey(bits));
  }
  return keys;
}

/** Of every row the elements after the `top` largest, `keep` of them; equal ones by index. */
function* rowMask(
  io: StepIo,
  operation: TaskOperation,
  m: number,
  { top, keep }: Extract<Sparsify, { kind: "row" }>,
): Generator<void, Mask> {
  const all = new Uint8Array(io.step.count);
  for (let first = 0; first < io.step.count; first += operation.width) {
    const keys = rowKeys(io, operation, m, first);
    const order = keys.map((_, i) => i).sort((a, b) => keys[b] - keys[a] || a - b);
    for (const i of order.slice(top, top + keep)) all[first + i] = 1;
    yield;
  }
  return { kept: (_, range) => all.subarray(range.first, range.first + range.count) };
}

/** Keep probabilities grow with the rank in the row, in binary32; see `rank_row` in C++. */
function* rankMask(
  io: StepIo,
  operation: TaskOperation,
  m: number,
  sparsify: Extract<Sparsify, { kind: "rank" }>,
): Generator<void, Mask> {
  const { width, torch, key } = operation;
  const count = io.step.count;
  const words = torch === null ? randomWords(count, sparsify.model, key) : io.drawTorch(torch);
  const all = new Uint8Array(count);
  const inverse = sparsify.inverse ? new Float32Array(count) : undefined;
  for (let first = 0; first < count; first += width) {
    const keys = rowKeys(io, operation, m, first);
    const order = keys.map((_, i) => i).sort((a, b) => keys[a] - keys[b] || a - b);
    order.forEach((i, rank) => {
      const position = width === 1 ? 0.5 : Math.fround(rank / Math.fround(width - 1));
      const p = Math.fround(sparsify.low + Math.fround(position * sparsify.spread));
      all[first + i] = keeps(p, words[first + i], torch !== null) ? 1 : 0;
      if (inverse !== undefined) inverse[first + i] = 1 / p;
    });
    yield;
  }
  const kept = (_: Tile, range: Range) => {
    return all.subarray(range.first, range.first + range.count);
  };
  return inverse === undefined ? { kept } : { kept, inverse };
}

function keeps(probability: number, word: number, torch: boolean): boolean {
  if (torch) return (word & 0xffffff) < probability * 2 ** 24;
  return word < Math.floor(probability * 2 ** 32 + 0.5);
}
