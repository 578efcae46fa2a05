/** How much anonymous memory a merge needs, and how many threads fit a budget. */
import { readFileSync } from "node:fs";
import { MergeError } from "../errors.ts";
import { formatBytes } from "../plan/explain.ts";
import type { Plan } from "../plan/types.ts";
import type { FusedWork } from "./fuse.ts";
import type { Backend, ExecuteOptions, WorkStep } from "./work.ts";

const BLOCK = 65_536;
const TILE = 4096;
const MIB = 1 << 20;

/** Touched stack and allocator slack of a worker thread. */
const THREAD = MIB / 2;
/** Pinned memory through which a thread's chunks go to a GPU; native/cuda/accelerator.cpp. */
const LANE = 32 * MIB;
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
  return BLOCK * 4 + TILE * 8 + 2048 * 4 + stored + tiles;
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

/** State that a step keeps between its phases: histograms, block sums, digests. */
function state(step: WorkStep): number {
  const blocks = Math.ceil(step.count / BLOCK);
  return blocks * 8 * (1 + 3 * step.inputs.length) + step.inputs.length * 2048 * 8;
}

/** Keys that the selections over whole models collect at most, and their counts by block. */
function census({ trims = [] }: Plan): number {
  return trims.reduce((sum, { count }) => sum + 6 * MIB + (count / BLOCK) * 80, 0);
}

function most(values: Iterable<number>): number {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, value);
  return largest;
}

/**
 * The number of threads, at most `threads`, with which the merge stays below `maxMemory` bytes of
 * anonymous memory for the whole process.
 * @throws MergeError MEMORY_BUDGET when not even one thread fits
 */
export function fitThreads(
  plan: Plan,
  fused: FusedWork,
  backend: Backend,
  threads: number,
  { io, device }: Pick<ExecuteOptions, "io" | "device">,
  maxMemory: number | undefined,
): number {
  if (maxMemory === undefined) return threads;
  if (!(typeof maxMemory === "number" && maxMemory > 0)) {
    throw new MergeError("ARGUMENT", `maxMemory: a number of bytes was expected, not ${maxMemory}`);
  }
  const steps = ACTIVE * (most(fused.steps.map(state)) + most(fused.nested.map(state)));
  const fixed =
    held() + HEAP + steps + census(plan) + (backend.name === "reference" ? REFERENCE : 0);
  const lane = device === undefined || device.choice === "cpu" ? 0 : LANE;
  const each = THREAD + lane + most(fused.steps.map(scratchOf(fused, io)));
  const fit = Math.floor((maxMemory - fixed) / each);
  if (fit >= 1) return Math.min(threads, fit);
  const message = `maxMemory ${formatBytes(maxMemory)} is too small for this merge`;
  throw new MergeError("MEMORY_BUDGET", message, {
    hint: `it needs ${formatBytes(fixed + each)} with one thread`,
  });
}
