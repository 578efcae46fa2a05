/** The native backend: the engine in C++, reached through the addon. */
import { type ErrorCode, MergeError } from "../errors.ts";
import { type Addon, type JobHandle, loadAddon, type Outcome } from "./addon.ts";
import { DeviceError } from "./device.ts";
import { UNDISTURBED } from "./identity.ts";
import { encodeWork } from "./wire.ts";
import {
  type Backend,
  type ExecuteOptions,
  SPARE_MEMORY,
  type StepResult,
  type Work,
} from "./work.ts";

/** How often progress is asked for and an abort can be noticed late, in milliseconds. */
const TICK = 40;

function abortError(signal: AbortSignal): MergeError {
  return new MergeError("ABORTED", "the merge was cancelled", { cause: signal.reason });
}

/** How long an abort waits for the threads to leave a job, in milliseconds. */
const GRACE = 20;

function requireAddon(): Addon {
  const { addon, reason } = loadAddon();
  if (addon !== undefined) return addon;
  throw new MergeError("BACKEND", `the native backend is not available: ${reason}`, {
    hint: "use the reference backend, or build the addon with `npm run build:native`",
  });
}

const HINTS: { readonly [code in ErrorCode]?: string } = {
  INPUT_CHANGED: UNDISTURBED,
};

/** Codes of native code that speak of GPUs: what they are to the user, and the hint. */
const DEVICE_CODES: { readonly [code: string]: [ErrorCode, string] } = {
  NO_GPU: ["BACKEND", "weightloom doctor says what was found"],
  DEVICE: [
    "DEVICE",
    'the CPU makes the same bytes: leave out the device, or choose device "auto"; a GPU that has ' +
      "failed may stay unusable until the process is restarted",
  ],
  DEVICE_MEMORY: ["DEVICE_MEMORY", 'device "auto" takes the CPU where the GPU has no room'],
};

function jobOptions(options: ExecuteOptions) {
  const { threads, isa, sync, io, spare = SPARE_MEMORY, device } = options;
  const cuda = device === undefined || device.choice === "cpu" ? undefined : device.maxMemory;
  return { threads, isa, sync, map: io === "mmap", spare, cuda };
}

/** A result is five words: the digest and four counts. */
function stepResult(words: BigUint64Array, at: number, digested: boolean): StepResult {
  const first = 5 * at;
  return {
    digest: digested ? words[first].toString(16).padStart(16, "0") : "",
    nanFromInput: Number(words[first + 1]),
    nanBorn: Number(words[first + 2]),
    overflowFromInput: Number(words[first + 3]),
    overflowBorn: Number(words[first + 4]),
  };
}

function results(outcome: Outcome, work: Work, options: ExecuteOptions): StepResult[] {
  if ("results" in outcome) {
    options.onAccelerated?.(outcome.accelerated);
    return work.steps.map(({ output }, i) => {
      return stepResult(outcome.results, i, !("memory" in work.outputs[output]));
    });
  }
  const tensor = work.steps[outcome.step]?.tensor;
  const message = `${tensor === undefined ? "" : `tensor ${tensor}: `}${outcome.message}`;
  const device = DEVICE_CODES[outcome.code];
  if (device !== undefined) throw new DeviceError(device[0], message, { hint: device[1] });
  // All others are those of this package: JobError of native/engine/wire.h.
  const code = outcome.code as ErrorCode;
  throw new MergeError(code, message, { hint: HINTS[code] });
}

/** Tells the outputs that have become whole since it was last called. */
function outputTeller(
  handle: JobHandle,
  work: Work,
  onOutput: NonNullable<ExecuteOptions["onOutput"]>,
) {
  let known = 0;
  return () => {
    const whole = handle.whole(known);
    for (const output of whole?.outputs.slice(known) ?? []) {
      known++;
      const steps = work.steps.flatMap(({ output: of, operation }, i) => {
        return of === output && operation.op !== "census" ? [i] : [];
      });
      const words = whole?.results as BigUint64Array;
      const results = steps.map((i) => stepResult(words, i, true));
      if (results.length > 0) onOutput(output, results);
    }
  };
}

/**
 * Rejects a little after an abort, because a thread may be waiting for the disk to sync. Files can
 * be left to it, memory cannot.
 */
function rejectAfterGrace(
  work: Work,
  signal: AbortSignal,
): { promise: Promise<never>; end(): void } {
  let grace: NodeJS.Timeout | undefined;
  const inMemory = work.outputs.some((place) => "memory" in place);
  let start = () => {};
  const promise = new Promise<never>((_, reject) => {
    start = () => {
      if (!inMemory) grace = setTimeout(() => reject(abortError(signal)), GRACE);
    };
    signal.addEventListener("abort", start, { once: true });
  });
  promise.catch(() => {});
  const end = () => {
    clearTimeout(grace);
    signal.removeEventListener("abort", start);
  };
  return { promise, end };
}

/** The options with which work whose GPU has failed starts again, on the CPU. */
function onCpu(options: ExecuteOptions, reason: string, bytesBefore: number): ExecuteOptions {
  options.onFallback?.(reason);
  const { onBytes } = options;
  return {
    ...options,
    device: undefined,
    threads: options.threadsOnCpu ?? options.threads,
    // Progress does not go back.
    onBytes: onBytes && ((done) => onBytes(Math.max(done, bytesBefore))),
  };
}

async function execute(work: Work, options: ExecuteOptions): Promise<StepResult[]> {
  if (options.device?.choice !== "auto") return executeOnce(work, options);
  const { onBytes } = options;
  let bytes = 0;
  const counting = (done: number) => {
    bytes = done;
    onBytes?.(done);
  };
  try {
    return await executeOnce(work, { ...options, onBytes: counting });
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return executeOnce(work, onCpu(options, error.message, bytes));
  }
}

async function executeOnce(work: Work, options: ExecuteOptions): Promise<StepResult[]> {
  const { signal, onBytes, onOpened, onOutput } = options;
  const addon = requireAddon();
  const { wire, places } = encodeWork(work);
  if (signal?.aborted === true) throw abortError(signal);
  const handle = addon.start(wire, places, jobOptions(options));
  let thrown: { error: unknown } | undefined;
  const cancel = () => handle.cancel();
  const attempt = (body: () => void) => {
    try {
      body();
    } catch (error) {
      thrown ??= { error };
      cancel();
    }
  };
  const tellOutputs = onOutput && outputTeller(handle, work, onOutput);
  const tick = () => {
    attempt(() => tellOutputs?.());
    attempt(() => onBytes?.(handle.progress()));
  };
  const watched = onBytes !== undefined || onOutput !== undefined;
  const timer = watched ? setInterval(tick, TICK) : undefined;
  const abandoned = signal === undefined ? undefined : rejectAfterGrace(work, signal);
  signal?.addEventListener("abort", cancel, { once: true });
  attempt(() => onOpened?.());
  attempt(() => onBytes?.(0));
  try {
    const ends = [handle.promise, ...(abandoned === undefined ? [] : [abandoned.promise])];
    const outcome = await Promise.race(ends);
    if (thrown !== undefined) throw thrown.error;
    const cancelled = "code" in outcome && outcome.code === "ABORTED";
    if (cancelled && signal !== undefined) throw abortError(signal);
    return results(outcome, work, options);
  } finally {
    clearInterval(timer);
    abandoned?.end();
    signal?.removeEventListener("abort", cancel);
  }
}

function executeSync(work: Work, options: ExecuteOptions): StepResult[] {
  if (options.device?.choice !== "auto") return executeSyncOnce(work, options);
  try {
    return executeSyncOnce(work, options);
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return executeSyncOnce(work, onCpu(options, error.message, 0));
  }
}

function executeSyncOnce(work: Work, options: ExecuteOptions): StepResult[] {
  const { wire, places } = encodeWork(work);
  return results(requireAddon().run(wire, places, jobOptions(options)), work, options);
}

export const nativeBackend: Backend = { name: "native", execute, executeSync };
