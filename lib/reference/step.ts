import { readSync, writeSync } from "node:fs";
import { MergeError, printable } from "../errors.ts";
import { byteLength, type FloatDtype, isFloatDtype } from "../format/dtype.ts";
import { digestOfBlocks, xxh64 } from "../format/xxh64.ts";
import { inputChanged } from "../run/identity.ts";
import type { StepResult, WorkStep } from "../run/work.ts";
import { CODECS, encode } from "./codec.ts";
import type { KeptFile } from "./kept_file.ts";
import { BLOCK } from "./lanes.ts";
import type { TorchStream } from "./mt19937.ts";
import { countCopied, type Nonfinite, noNonfinite, settle } from "./nonfinite.ts";
import type { Selection } from "./select.ts";
import { decodeTile, makeTile, type Tile } from "./tile.ts";

/** An opened source: a file, or memory. */
export type Opened = { file: KeptFile } | { memory: Uint8Array };

export type OpenedOutput = Opened | { nowhere: true };

/** Elements `first` up to `first + count` of a tensor: one block. */
export interface Range {
  index: number;
  first: number;
  count: number;
}

/** What the steps of a work share. */
export interface Shared {
  readonly stream: TorchStream;
  /** Of the plan's trims, once the census has found them. */
  thresholds: readonly Selection[];
}

/** One step being run: reads its inputs and writes its output, block by block. */
export class StepIo {
  readonly step: WorkStep;
  bytesDone = 0;
  readonly #sources: readonly Opened[];
  readonly #outputs: readonly OpenedOutput[];
  readonly #digests: (readonly [number, number])[] = [];
  readonly #seen: Nonfinite = noNonfinite();

  readonly shared: Shared;
  #drawn = 0;

  constructor(
    step: WorkStep,
    sources: readonly Opened[],
    outputs: readonly OpenedOutput[],
    shared: Shared,
  ) {
    this.step = step;
    this.shared = shared;
    this.#sources = sources;
    this.#outputs = outputs;
  }

  get blockCount(): number {
    return Math.ceil(this.step.count / BLOCK);
  }

  *ranges(): Generator<Range> {
    for (let index = 0; index < this.blockCount; index++) yield this.range(index);
  }

  range(index: number): Range {
    const first = index * BLOCK;
    return { index, first, count: Math.min(BLOCK, this.step.count - first) };
  }

  /** The stored bytes of input `i` in the range. */
  stored(i: number, range: Range): Uint8Array {
    const input = this.step.inputs[i];
    const at = input.offset + byteLength(input.dtype, range.first);
    const bytes = Math.ceil(byteLength(input.dtype, range.count));
    const source = this.#sources[input.source];
    if ("memory" in source) return source.memory.subarray(at, at + bytes);
    const into = new Uint8Array(bytes);
    source.file.with((descriptor) => readFully(descriptor, source.file.path, into, at));
    return into;
  }

  /** Input `i` in the range, decoded. */
  tile(i: number, range: Range): Tile {
    const dtype = this.step.inputs[i].dtype as FloatDtype;
    return decodeTile(dtype, this.stored(i, range), range.count);
  }

  /** Settles what is not finite, encodes and writes. `inputs` in order, a base first. */
  writeTile(range: Range, values: Float32Array, inputs: readonly Tile[]): void {
    const dtype = this.step.dtype as FloatDtype;
    const out = makeTile(values.length);
    out.values.set(values);
    settle(out, inputs, CODECS[dtype].limit, this.#seen);
    const stored = new Uint8Array(byteLength(dtype, range.count));
    encode(dtype, out.bits, stored, 0);
    this.writeStored(range, stored);
  }

  /** Writes stored bytes of an input as they are. */
  writeCopy(range: Range, stored: Uint8Array): void {
    const { dtype } = this.step;
    if (isFloatDtype(dtype)) countCopied(decodeTile(dtype, stored, range.count), this.#seen);
    this.writeStored(range, stored);
  }

  /** Writes numbers instead of a tensor, to memory. */
  writeNumbers(numbers: readonly number[]): void {
    const output = this.#outputs[this.step.output];
    if (!("memory" in output)) throw new MergeError("ARGUMENT", "numbers are written to memory");
    const bytes = new Uint8Array(Float64Array.from(numbers).buffer);
    output.memory.set(bytes, this.step.offset);
  }

  writeStored(range: Range, stored: Uint8Array): void {
    const at = this.step.offset + byteLength(this.step.dtype, range.first);
    const output = this.#outputs[this.step.output];
    if ("memory" in output) {
      output.memory.set(stored, at);
    } else {
      this.#digests[range.index] = xxh64(stored);
      if ("file" in output) {
        const { file } = output;
        file.with((descriptor) => writeFully(descriptor, file.path, stored, at));
      }
    }
    this.bytesDone += stored.byteLength;
  }

  /** One word of torch's stream for each element: the next model's share of this step's draws. */
  drawTorch({ seed, offset }: { seed: number; offset: number }): Uint32Array {
    const words = this.shared.stream.take(seed, offset + this.#drawn, this.step.count);
    this.#drawn += this.step.count;
    return words;
  }

  result(): StepResult {
    const digested = !("memory" in this.#outputs[this.step.output]);
    return { digest: digested ? digestOfBlocks(this.#digests) : "", ...this.#seen };
  }
}

function readFully(descriptor: number, path: string, into: Uint8Array, at: number): void {
  for (let done = 0; done < into.byteLength; ) {
    const got = readSome(descriptor, path, into.subarray(done), at + done);
    if (got === 0) throw inputChanged(path);
    done += got;
  }
}

function readSome(descriptor: number, path: string, into: Uint8Array, at: number): number {
  try {
    return readSync(descriptor, into, 0, into.byteLength, at);
  } catch (cause) {
    const message = `${printable(path)}: ${(cause as Error).message}`;
    throw new MergeError("FILE_UNREADABLE", message, { cause });
  }
}

function writeFully(descriptor: number, path: string, from: Uint8Array, at: number): void {
  try {
    for (let done = 0; done < from.byteLength; ) {
      done += writeSync(descriptor, from, done, from.byteLength - done, at + done);
    }
  } catch (cause) {
    const full = ["ENOSPC", "EDQUOT"].includes(String((cause as NodeJS.ErrnoException).code));
    throw new MergeError(full ? "NO_SPACE" : "WRITE_FAILED", `${path}: ${String(cause)}`, {
      cause,
    });
  }
}
