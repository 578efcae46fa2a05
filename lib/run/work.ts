import type { Dtype } from "../format/dtype.ts";
import type { Combine } from "../methods/custom.ts";
import type { Operation } from "../plan/types.ts";
import type { Device } from "./device.ts";

/** Where bytes are: a file of a known size, or memory of this process. */
export type Place = { path: string; size: number } | { memory: Uint8Array };

/** Where bytes go; what goes nowhere is only digested. */
export type OutputPlace = Place | { nowhere: true; size: number };

export interface WorkInput {
  /**
   * Position in `Work.sources`, and the byte offset there; a position after those means the tensor
   * of a nested step, as a whole.
   */
  source: number;
  offset: number;
  dtype: Dtype;
}

/**
 * The thresholds of a plan's trims, found before its steps run. Inputs come in pairs, a model's
 * tensor and the base's; each pair says its trim and how many elements it has. No output.
 */
export interface Census {
  op: "census";
  keep: readonly number[];
  pairs: readonly { trim: number; count: number }[];
}

/**
 * Statistics of tensors that belong together, instead of a tensor: the output, memory, takes the
 * numbers of reference/compare.ts. The first input is what the others are compared with; with
 * `task` it is a base, and the others count as task vectors. `dtype` and `count` are the first
 * input's; of dtypes that are not floats the bytes are compared, and counted.
 */
export interface Compare {
  op: "compare";
  task: boolean;
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
  operation: Operation | Census | Compare;
}

/** What a backend runs. Output files exist, have their final size, and hold their headers. */
export interface Work {
  sources: readonly Place[];
  outputs: readonly OutputPlace[];
  /**
   * Steps whose tensors are inputs of others and are never written; `output` and `offset` have no
   * meaning. Their own inputs may be of earlier ones.
   */
  nested?: readonly WorkStep[];
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

/** Memory for what steps would otherwise make again, where nobody says how much there is. */
export const SPARE_MEMORY: number = 48 * 2 ** 20;

export interface ExecuteOptions {
  threads: number;
  /** How many when `auto` goes on with the CPU; left out, as many. */
  threadsOnCpu?: number | undefined;
  /** Bytes for masks that are kept between phases, not made again; left out, SPARE_MEMORY. */
  spare?: number | undefined;
  /** Name of a native target; "" takes the best. */
  isa: string;
  /** Sync output files before they count as written. */
  sync: boolean;
  /** How inputs are read. */
  io: "mmap" | "pread";
  /** Where to compute; the CPU where it is left out. */
  device?: Device | undefined;
  /** Called when `auto` goes on with the CPU, with the reason. */
  onFallback?: ((reason: string) => void) | undefined;
  /** Called with the number of steps that GPUs made, when the work has ended well. */
  onAccelerated?: ((steps: number) => void) | undefined;
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
