import type { Dtype } from "../format/dtype.ts";
import type { Combine } from "../methods/custom.ts";
import type { Operation } from "../plan/types.ts";

/** Where bytes are: a file of a known size, or memory of this process. */
export type Place = { path: string; size: number } | { memory: Uint8Array };

/** Where bytes go; what goes nowhere is only digested. */
export type OutputPlace = Place | { nowhere: true; size: number };

export interface WorkInput {
  /** Position in `Work.sources`, and the byte offset there. */
  source: number;
  offset: number;
  dtype: Dtype;
}

/** One tensor to make: the part of a plan's step that a backend needs. */
export interface WorkStep {
  tensor: string;
  dtype: Dtype;
  count: number;
  /** Position in `Work.outputs`, and the byte offset there. */
  output: number;
  offset: number;
  inputs: readonly WorkInput[];
  operation: Operation;
}

/** What a backend runs. Output files exist, have their final size, and hold their headers. */
export interface Work {
  sources: readonly Place[];
  outputs: readonly OutputPlace[];
  steps: readonly WorkStep[];
}

/** What a backend says of a finished step. */
export interface StepResult {
  /** XXH64 over the digests of the tensor's blocks of 65,536 elements; "" for outputs in memory. */
  digest: string;
  /** Results that are NaN or overflow the dtype, by whether an input already was. */
  nanFromInput: number;
  nanBorn: number;
  overflowFromInput: number;
  overflowBorn: number;
}

export interface ExecuteOptions {
  threads: number;
  /** Name of a native target; "" takes the best. */
  isa: string;
  /** Sync output files before they count as written. */
  sync: boolean;
  /** How inputs are read. */
  io: "mmap" | "pread";
  signal?: AbortSignal | undefined;
  /** Functions of custom methods, by name. */
  functions?: ReadonlyMap<string, Combine> | undefined;
  /** Called once, when every file is open and before its bytes count; a throw cancels the work. */
  onOpened?: (() => void) | undefined;
  /**
   * Called when an output file is whole (and synced, with `sync`), unless the work ends just then:
   * its position, and the results of its steps in their order. A throw cancels the work.
   */
  onOutput?: ((output: number, results: readonly StepResult[]) => void) | undefined;
  /** Called with the bytes of output finished so far; a throw cancels the work. */
  onBytes?: ((bytesDone: number) => void) | undefined;
}

/** Something that can run a Work. Both forms yield the same bytes. */
export interface Backend {
  readonly name: "native" | "reference";
  execute(work: Work, options: ExecuteOptions): Promise<StepResult[]>;
  executeSync(work: Work, options: ExecuteOptions): StepResult[];
}

export function placeSize(place: OutputPlace): number {
  return "memory" in place ? place.memory.byteLength : place.size;
}
