/**
 * span: a linear combination whose coefficients come from the Gram matrix of the inputs, or of their
 * deltas to a base; over the whole tensor, each row, or each column. Mirrors
 * native/engine/operations/span.cpp. Columns are reduced row by row in binary64.
 */
import type { Operation, Sphere } from "../plan/types.ts";
import { type Coefficients, Gram } from "./gram.ts";
import { karcherCoefficients } from "./karcher.ts";
import { BLOCK, sumBlock } from "./lanes.ts";
import { modelStockCoefficients } from "./model_stock.ts";
import { multislerpCoefficients } from "./multislerp.ts";
import { nuslerpCoefficients } from "./nuslerp.ts";
import { slerpCoefficients } from "./slerp.ts";
import type { Range, StepIo } from "./step.ts";
import type { Tile } from "./tile.ts";

type SpanOperation = Extract<Operation, { op: "span" }>;

const SPHERES: Readonly<Record<Sphere, (gram: Gram, p: readonly number[]) => Coefficients>> = {
  slerp: (gram, [t]) => slerpCoefficients(gram, t),
  nuslerp: (gram, [t]) => nuslerpCoefficients(gram, t),
  multislerp: (gram, [epsilon, ...weights]) => multislerpCoefficients(gram, epsilon, weights),
  karcher: (gram, [iterations, tolerance]) => karcherCoefficients(gram, iterations, tolerance),
  model_stock: (gram) => modelStockCoefficients(gram),
};

/** Coefficients in binary32. */
function coefficientsOf({ sphere, parameters }: SpanOperation, gram: Gram): Coefficients {
  const { weights, mean } = SPHERES[sphere](gram, parameters);
  return { weights: weights.map(Math.fround), mean };
}

interface Part {
  tiles: Tile[];
  base: Tile | undefined;
}

function partOf(io: StepIo, operation: SpanOperation, range: Range): Part {
  const tiles = operation.inputs.map((input) => io.tile(input, range));
  return { tiles, base: operation.base === null ? undefined : io.tile(operation.base, range) };
}

function deltasOf({ tiles, base }: Part): Float32Array[] {
  return tiles.map(({ values }) => {
    return base === undefined ? values : values.map((x, i) => x - base.values[i]);
  });
}

export function* span(io: StepIo, operation: SpanOperation): Generator<void> {
  if (operation.axis === "all") yield* spanAll(io, operation);
  else if (operation.axis === "rows") yield* spanRows(io, operation);
  else yield* spanColumns(io, operation);
}

/** Gram matrix of the elements `first` to `end`, blocks counted from `first`. */
function* gramOf(
  io: StepIo,
  operation: SpanOperation,
  first: number,
  end: number,
): Generator<void, Gram> {
  const gram = new Gram(operation.inputs.length);
  for (let at = first; at < end; at += BLOCK) {
    const range = { index: 0, first: at, count: Math.min(BLOCK, end - at) };
    const deltas = deltasOf(partOf(io, operation, range));
    for (let i = 0; i < gram.size; i++) {
      for (let j = i; j < gram.size; j++) {
        const sum = sumBlock(range.count, (k) => deltas[i][k] * deltas[j][k]);
        gram.set(i, j, gram.at(i, j) + sum);
      }
    }
    yield;
  }
  return gram;
}

function* spanAll(io: StepIo, operation: SpanOperation): Generator<void> {
  const gram = yield* gramOf(io, operation, 0, io.step.count);
  const coefficients = coefficientsOf(operation, gram);
  for (const range of io.ranges()) {
    const part = partOf(io, operation, range);
    const out = new Float32Array(range.count);
    combine(part, out, 0, range.count, () => coefficients);
    write(io, range, out, part);
    yield;
  }
}

/** Coefficients of a row are kept while its elements last. */
function* spanRows(io: StepIo, operation: SpanOperation): Generator<void> {
  const { width } = operation;
  let row = -1;
  let current: Coefficients = { weights: [], mean: false };
  for (const range of io.ranges()) {
    const part = partOf(io, operation, range);
    const out = new Float32Array(range.count);
    for (let at = 0; at < range.count; ) {
      const next = Math.floor((range.first + at) / width);
      if (next !== row) {
        const gram = yield* gramOf(io, operation, next * width, (next + 1) * width);
        current = coefficientsOf(operation, gram);
        row = next;
      }
      const stop = Math.min(range.count, (row + 1) * width - range.first);
      const of = current;
      combine(part, out, at, stop, () => of);
      at = stop;
    }
    write(io, range, out, part);
    yield;
  }
}

function* spanColumns(io: StepIo, operation: SpanOperation): Generator<void> {
  const { width } = operation;
  const n = operation.inputs.length;
  const products = Array.from({ length: n * n }, () => new Float64Array(width));
  for (const range of io.ranges()) {
    const deltas = deltasOf(partOf(io, operation, range));
    for (let i = 0; i < n; i++) {
      for (let j = i; j < n; j++) {
        const sums = products[i * n + j];
        for (let k = 0; k < range.count; k++) {
          sums[(range.first + k) % width] += deltas[i][k] * deltas[j][k];
        }
      }
    }
    yield;
  }
  const columns = Array.from({ length: width }, (_, column) => {
    const gram = new Gram(n);
    for (let i = 0; i < n; i++) {
      for (let j = i; j < n; j++) gram.set(i, j, products[i * n + j][column]);
    }
    return coefficientsOf(operation, gram);
  });
  for (const range of io.ranges()) {
    const part = partOf(io, operation, range);
    const out = new Float32Array(range.count);
    combine(part, out, 0, range.count, (i) => columns[(range.first + i) % width]);
    write(io, range, out, part);
    yield;
  }
}

/** Elements `from` to `to`: Σ wᵢ·xᵢ, or base + Σ wᵢ·(xᵢ − base). */
function combine(
  { tiles, base }: Part,
  out: Float32Array,
  from: number,
  to: number,
  at: (i: number) => Coefficients,
): void {
  for (let i = from; i < to; i++) {
    const { weights, mean } = at(i);
    const origin = base === undefined ? 0 : base.values[i];
    const first = tiles[0].values[i];
    let same = !Number.isNaN(first);
    let sum = 0;
    for (let m = 0; m < tiles.length; m++) {
      const x = tiles[m].values[i];
      const term = Math.fround((base === undefined ? x : Math.fround(x - origin)) * weights[m]);
      sum = m === 0 ? term : Math.fround(sum + term);
      same &&= x === first;
    }
    if (base !== undefined) out[i] = sum === 0 ? origin : origin + sum;
    else out[i] = mean && same ? first : sum;
  }
}

function write(io: StepIo, range: Range, out: Float32Array, { tiles, base }: Part): void {
  io.writeTile(range, out, base === undefined ? tiles : [base, ...tiles]);
}
