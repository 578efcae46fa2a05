/**
 * A Work as 64-bit words, which is how it reaches native code; native/engine/wire.h describes and
 * checks the form. One buffer for all steps, so no JavaScript runs for each tensor.
 */
import { MergeError } from "../errors.ts";
import { DTYPES, type Dtype } from "../format/dtype.ts";
import type { Sparsify } from "../plan/types.ts";
import type { AddonPlace } from "./addon.ts";
import { type OutputPlace, placeSize, type Work, type WorkStep } from "./work.ts";

type Operation = Exclude<WorkStep["operation"], { op: "custom" }>;

const MAGIC = "WLJOB002";
const OPERATION = {
  copy: 0,
  same: 1,
  linear: 2,
  span: 3,
  task: 4,
  nearswap: 5,
  ram: 6,
  sce: 7,
  arcee_fusion: 8,
  census: 9,
  compare: 10,
} as const;
const KEEP = { none: 0, magnitude: 1, random: 2, outliers: 3, rank: 4, row: 5, global: 7 } as const;
const NORMALIZE = { weights: 1, count: 2 } as const;
/** `rank` with division by the keep probability. */
const INVERSE_RANK = 6;
const SPHERE = { slerp: 0, nuslerp: 1, multislerp: 2, karcher: 3, model_stock: 4 } as const;
const AXIS = { all: 0, rows: 1, columns: 2 } as const;

/** Of elements that are only copied. */
const NO_CODEC = 5;

/** Operations the native engine has; custom methods run on the reference. */
export const nativeOperations: readonly string[] = Object.keys(OPERATION);

class Words {
  #view = new DataView(new ArrayBuffer(1 << 16));
  #at = 0;

  /** In halves: a bigint for every word would take longer than small tensors take to merge. */
  integer(value: number): void {
    this.#room();
    this.#view.setUint32(this.#at, value >>> 0, true);
    this.#view.setUint32(this.#at + 4, Math.floor(value / 2 ** 32), true);
    this.#at += 8;
  }

  float(value: number): void {
    this.#room();
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  text(eight: string): void {
    this.#room();
    for (let i = 0; i < 8; i++) this.#view.setUint8(this.#at + i, eight.charCodeAt(i));
    this.#at += 8;
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.#view.buffer, 0, this.#at);
  }

  #room(): void {
    if (this.#at + 8 <= this.#view.byteLength) return;
    const larger = new Uint8Array(this.#view.byteLength * 2);
    larger.set(new Uint8Array(this.#view.buffer));
    this.#view = new DataView(larger.buffer);
  }
}

/** Inputs of the step that its operation uses, in the order the engine wants. */
function usedInputs(operation: Operation, count: number): readonly number[] {
  switch (operation.op) {
    case "copy":
      return [operation.input];
    case "same":
    case "census":
    case "compare":
      return Array.from({ length: count }, (_, i) => i);
    case "linear":
      return operation.inputs;
    case "span":
      return operation.base === null ? operation.inputs : [...operation.inputs, operation.base];
    case "nearswap":
    case "arcee_fusion":
      return [operation.base, operation.input];
    case "task":
    case "ram":
    case "sce":
      return [operation.base, ...operation.inputs];
  }
}

function sparsifyNumbers(sparsify: Sparsify): [number, number, number, number] {
  const kind = sparsify.kind === "rank" && sparsify.inverse ? INVERSE_RANK : KEEP[sparsify.kind];
  switch (sparsify.kind) {
    case "none":
      return [kind, 0, 0, 0];
    case "magnitude":
      return [kind, sparsify.keep, 0, 0];
    case "global":
      return [kind, sparsify.trim, sparsify.first, 0];
    case "random":
      return [kind, sparsify.threshold, sparsify.model, 0];
    case "outliers":
    case "row":
      return [kind, sparsify.top, sparsify.keep, 0];
    case "rank":
      return [kind, sparsify.low, sparsify.spread, sparsify.model];
  }
}

function taskNumbers(operation: Extract<Operation, { op: "task" }>): number[] {
  const { consensus, normalize, divisor, lambda, rescale, key, torch, width } = operation;
  const flags = [
    consensus ? 1 : 0,
    normalize ? NORMALIZE[normalize] : 0,
    divisor,
    lambda,
    rescale ? 1 : 0,
  ];
  const random = [...key, torch === null ? 0 : 1, torch?.seed ?? 0, torch?.offset ?? 0];
  const models = operation.weights.flatMap((weight, m) => [
    weight,
    ...sparsifyNumbers(operation.sparsify[m]),
    operation.factors[m],
  ]);
  return [...flags, ...random, width, ...models];
}

function parameters(operation: Operation): readonly number[] {
  switch (operation.op) {
    case "copy":
    case "same":
      return [];
    case "linear": {
      const divide = operation.divisor === null ? 0 : 1;
      return [divide, operation.divisor ?? 1, operation.mean ? 1 : 0, ...operation.weights];
    }
    case "span": {
      const { sphere, axis, width, base } = operation;
      const head = [SPHERE[sphere], AXIS[axis], width, base === null ? 0 : 1];
      return [...head, ...operation.parameters];
    }
    case "task":
      return taskNumbers(operation);
    case "nearswap":
      return [operation.t];
    case "ram": {
      const { epsilon, boost } = operation;
      return [epsilon, boost === null ? 0 : 1, boost?.r ?? 0, boost?.alpha ?? 0];
    }
    case "sce":
      return [operation.topk];
    case "arcee_fusion":
      return [operation.width];
    case "compare":
      return [operation.task ? 1 : 0];
    case "census": {
      const { keep, pairs } = operation;
      return [keep.length, ...keep, ...pairs.flatMap(({ trim, count }) => [trim, count])];
    }
  }
}

function codecOf(dtype: Dtype): number {
  return DTYPES[dtype].codec ?? NO_CODEC;
}

function writeStep(words: Words, step: WorkStep): void {
  const { operation } = step;
  if (operation.op === "custom") {
    throw new MergeError("BACKEND", "custom methods run on the reference backend");
  }
  const inputs = usedInputs(operation, step.inputs.length).map((i) => step.inputs[i]);
  const numbers = parameters(operation);
  words.integer(OPERATION[operation.op]);
  words.integer(step.output);
  words.integer(step.offset);
  words.integer(codecOf(step.dtype));
  words.integer(DTYPES[step.dtype].bits);
  words.integer(step.count);
  words.integer(inputs.length);
  words.integer(numbers.length);
  for (const input of inputs) {
    words.integer(input.source);
    words.integer(input.offset);
    words.integer(codecOf(input.dtype));
  }
  for (const number of numbers) words.float(number);
}

function writePlaces(words: Words, places: readonly OutputPlace[]): void {
  for (const place of places) {
    words.integer("memory" in place ? 1 : "nowhere" in place ? 2 : 0);
    words.integer(placeSize(place));
  }
}

export function encodeWork(work: Work): { wire: Uint8Array; places: AddonPlace[] } {
  const words = new Words();
  words.text(MAGIC);
  words.integer(work.sources.length);
  words.integer(work.outputs.length);
  words.integer(work.nested?.length ?? 0);
  words.integer(work.steps.length);
  writePlaces(words, work.sources);
  writePlaces(words, work.outputs);
  for (const step of work.nested ?? []) writeStep(words, step);
  for (const step of work.steps) writeStep(words, step);
  const places = [...work.sources, ...work.outputs];
  return {
    wire: words.bytes(),
    places: places.map((place) => {
      return "memory" in place ? place.memory : "nowhere" in place ? null : place.path;
    }),
  };
}
