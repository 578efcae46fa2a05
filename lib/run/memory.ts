/** How much anonymous memory a merge needs, and how many threads fit a budget. */
import { readFileSync } from "node:fs";
import { MergeError } from "../errors.ts";
import { formatBytes } from "../plan/explain.ts";
import type { Plan } from "../plan/types.ts";
import { cudaInfo, type Device } from "./device.ts";
import type { FusedWork } from "./fuse.ts";
import { type Backend, type ExecuteOptions, SPARE_MEMORY, type WorkStep } from "./work.ts";

const BLOCK = 65_536;
const TILE = 4096;
const MIB = 1 << 20;

/** Touched stack and allocator slack of a worker thread. */
const THREAD = MIB / 2;
/** Pinned memory through which chunks go to a GPU, and how many; native/cuda/accelerator.cpp. */
const LANE = 32 * MIB;
const LANES = 8;
/** Room for the JavaScript heap to move in while a merge runs. */
const HEAP = 24 * MIB;
/** The reference decodes whole blocks and leaves them to the garbage collector. */
const REFERENCE = 96 * MIB;
/** Steps that the engine has in flight; native/engine/job.cpp. */
const ACTIVE = 8;

/** Anonymous memory this process holds now. */
function held(): number {
  try {
    const status = readFileSync("/proc/self/status", "latin1");
    const [, anonymous] = /^RssAnon:\s+(\d+) kB/m.exec(status) as RegExpExecArray;
    return Number(anonymous) * 1024;
  } catch {
    // Not a Linux system, or an old one: the resident set bounds it from above.
  }
  return process.memoryUsage.rss();
}

/** Scratch of one worker on one step; native/engine/block.h. */
function scratch(step: WorkStep, io: ExecuteOptions["io"]): number {
  const stored = io === "pread" ? step.inputs.length * BLOCK * 4 : 0;
  const tiles = step.inputs.length * (TILE * 4 + TILE / 8 + 512);
  return BLOCK * 4 + TILE * 8 + 2048 * 4 + stored + tiles + masking(step);
}

/** Of it, the random words and masks of a block, and what ranks need of a row. */
function masking({ operation }: WorkStep): number {
  if (operation.op !== "task") return 0;
  const ranks = operation.sparsify.some(({ kind }) => kind === "rank" || kind === "row");
  const rows = ranks ? (BLOCK + TILE) * 4 + 40 * operation.width : 0;
  return rows + operation.sparsify.length * (BLOCK / 8);
}

/** The same with the memory of the nested steps that make its inputs. */
function scratchOf(
  { sources, nested }: FusedWork,
  io: ExecuteOptions["io"],
): (step: WorkStep) => number {
  const known: number[] = [];
  const needed = (step: WorkStep): number => {
    const inputs = step.inputs.map(({ source }) => known[source - sources.length] ?? 0);
    return inputs.reduce((sum, each) => sum + each, scratch(step, io));
  };
  for (const step of nested) known.push(needed(step));
  return needed;
}

/** State that a step keeps between its phases: histograms, block sums, digests, lists of masks. */
function state(step: WorkStep): number {
  const blocks = Math.ceil(step.count / BLOCK);
  return blocks * 8 * (1 + 6 * step.inputs.length) + step.inputs.length * 2048 * 8;
}

/** Keys that the selections over whole models collect at most, and their counts by block. */
function census({ trims = [] }: Plan): number {
  return trims.reduce((sum, { count }) => sum + 6 * MIB + (count / BLOCK) * 80, 0);
}

/** The manifest, which is drafted while the threads work, and the strings that it is made of. */
function manifest({ steps }: Plan): number {
  return steps.reduce((sum, { inputs }) => sum + 512 + 256 * inputs.length, 0);
}

function most(values: Iterable<number>): number {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, value);
  return largest;
}

/** What a budget allows. */
export interface Fit {
  device: Device | undefined;
  threads: number;
  /** On the CPU, where the work of `auto` may end. */
  threadsOnCpu: number;
  /** Bytes that are left for what steps would otherwise make again. */
  spare: number;
  /** Why it is not a GPU that `auto` takes. */
  fallback?: string;
}

/**
 * The number of threads, at most `threads`, with which the merge stays below `maxMemory` bytes of
 * anonymous memory for the whole process. Where a GPU's share of it is what does not fit, `auto` is
 * the CPU.
 * @throws MergeError MEMORY_BUDGET when not even one thread fits
 */
export function fitBudget(
  plan: Plan,
  fused: FusedWork,
  backend: Backend,
  threads: number,
  { io, device }: Pick<ExecuteOptions, "io" | "device">,
  maxMemory: number | undefined,
): Fit {
  if (maxMemory === undefined) {
    return { device, threads, threadsOnCpu: threads, spare: SPARE_MEMORY };
  }
  if (!(typeof maxMemory === "number" && maxMemory > 0)) {
    throw new MergeError("ARGUMENT", `maxMemory: a number of bytes was expected, not ${maxMemory}`);
  }
  const need = needOf(plan, fused, backend, io);
  const choice = device?.choice ?? "cpu";
  const onCpu = largestFit(need, threads, 0, maxMemory);
  const spare = (fit: number, lanes: number) =>
    Math.min(SPARE_MEMORY, maxMemory - bytesFor(need, fit, lanes));
  if (choice === "cpu") {
    const fit = orTooSmall(onCpu, need, 0, maxMemory);
    return { device, threads: fit, threadsOnCpu: fit, spare: spare(fit, 0) };
  }
  const lanes = LANES * usableGpus();
  const onGpu = largestFit(need, threads, lanes, maxMemory);
  if (onGpu > 0 || choice === "cuda") {
    const fit = orTooSmall(onGpu, need, lanes, maxMemory);
    const both = Math.min(spare(fit, lanes), spare(onCpu, 0));
    return { device, threads: fit, threadsOnCpu: onCpu, spare: both };
  }
  const fit = orTooSmall(onCpu, need, 0, maxMemory);
  const fallback = "maxMemory leaves no room for the memory through which a GPU is reached";
  return { device: undefined, threads: fit, threadsOnCpu: fit, spare: spare(fit, 0), fallback };
}

function usableGpus(): number {
  return cudaInfo().devices.filter(({ image }) => image !== undefined).length;
}

/** Bytes for everything but threads, and for each thread. */
interface Need {
  fixed: number;
  each: number;
}

function bytesFor({ fixed, each }: Need, threads: number, lanes: number): number {
  return fixed + threads * each + Math.min(threads, lanes) * LANE;
}

/** 0 when not even one thread fits. */
function largestFit(need: Need, threads: number, lanes: number, maxMemory: number): number {
  let fit = threads;
  while (fit > 0 && bytesFor(need, fit, lanes) > maxMemory) fit--;
  return fit;
}

function orTooSmall(fit: number, need: Need, lanes: number, maxMemory: number): number {
  if (fit > 0) return fit;
  const message = `maxMemory ${formatBytes(maxMemory)} is too small for this merge`;
  throw new MergeError("MEMORY_BUDGET", message, {
    hint: `it needs ${formatBytes(bytesFor(need, 1, lanes))} with one thread`,
  });
}

function needOf(plan: Plan, fused: FusedWork, backend: Backend, io: ExecuteOptions["io"]): Need {
  const steps = ACTIVE * (most(fused.steps.map(state)) + most(fused.nested.map(state)));
  const fixed =
    held() +
    HEAP +
    steps +
    census(plan) +
    manifest(plan) +
    (backend.name === "reference" ? REFERENCE : 0);
  return { fixed, each: THREAD + most(fused.steps.map(scratchOf(fused, io))) };
}
