/** The native backend: the engine in C++, reached through the addon. */
import { ERROR_CODES, type ErrorCode, MergeError } from "../errors.ts";
import { hex64 } from "../format/xxh64.ts";
import { type Addon, loadAddon, type Outcome } from "./addon.ts";
import { UNDISTURBED } from "./identity.ts";
import { encodeWork } from "./wire.ts";
import type { Backend, ExecuteOptions, StepResult, Work } from "./work.ts";

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

function jobOptions(options: ExecuteOptions) {
  const { threads, isa, sync, io } = options;
  return { threads, isa, sync, map: io === "mmap" };
}

function results(outcome: Outcome, work: Work): StepResult[] {
  if ("results" in outcome) {
    return work.steps.map((_, i) => {
      const [digest, ...counts] = outcome.results.subarray(5 * i, 5 * i + 5);
      const [nanFromInput, nanBorn, overflowFromInput, overflowBorn] = counts.map(Number);
      const file = "path" in work.outputs[work.steps[i].output];
      const text = file ? hex64([Number(digest >> 32n), Number(digest & 0xffffffffn)]) : "";
      return { digest: text, nanFromInput, nanBorn, overflowFromInput, overflowBorn };
    });
  }
  const code = Object.hasOwn(ERROR_CODES, outcome.code) ? (outcome.code as ErrorCode) : "INTERNAL";
  const tensor = work.steps[outcome.step]?.tensor;
  const where = tensor === undefined ? "" : `tensor ${tensor}: `;
  throw new MergeError(code, `${where}${outcome.message}`, {
    hint: code === "INPUT_CHANGED" ? UNDISTURBED : undefined,
  });
}

async function execute(work: Work, options: ExecuteOptions): Promise<StepResult[]> {
  const addon = requireAddon();
  const { wire, places } = encodeWork(work);
  if (options.signal?.aborted === true) throw abortError(options.signal);
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
  const report = () => attempt(() => options.onBytes?.(handle.progress()));
  // A thread may be waiting for the disk to sync. Files can be left to it, memory cannot.
  const files = work.outputs.every((place) => "path" in place);
  let grace: NodeJS.Timeout | undefined;
  const abandoned = new Promise<never>((_, reject) => {
    options.signal?.addEventListener(
      "abort",
      () => {
        const signal = options.signal as AbortSignal;
        if (files) grace = setTimeout(() => reject(abortError(signal)), GRACE);
      },
      { once: true },
    );
  });
  abandoned.catch(() => {});
  const timer = options.onBytes === undefined ? undefined : setInterval(report, TICK);
  options.signal?.addEventListener("abort", cancel, { once: true });
  attempt(() => options.onOpened?.());
  try {
    const outcome = await Promise.race([handle.promise, abandoned]);
    if (thrown !== undefined) throw thrown.error;
    const cancelled = "code" in outcome && outcome.code === "ABORTED";
    if (cancelled && options.signal !== undefined) throw abortError(options.signal);
    return results(outcome, work);
  } finally {
    clearInterval(timer);
    clearTimeout(grace);
    options.signal?.removeEventListener("abort", cancel);
  }
}

function executeSync(work: Work, options: ExecuteOptions): StepResult[] {
  const { wire, places } = encodeWork(work);
  return results(requireAddon().run(wire, places, jobOptions(options)), work);
}

export const nativeBackend: Backend = { name: "native", execute, executeSync };
