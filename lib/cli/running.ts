/** What the commands that write a model share: their options, signals, progress and report. */
import type { WriteOptions } from "../convert.ts";
import { MergeError, printable } from "../errors.ts";
import type { MergeResult } from "../merge.ts";
import { formatBytes, outputBytes } from "../plan/explain.ts";
import type { Progress } from "../progress.ts";
import { backendInfo } from "../run/backend.ts";
import { describeNonfinite } from "../run/nonfinite.ts";
import { HUB_OPTIONS, hubOptions } from "./hub.ts";
import { type OptionSpecs, type Parsed, readBytes, readChoice, readInteger } from "./options.ts";
import { showProgress } from "./progress.ts";
import type { Streams } from "./run.ts";

type Values = Parsed["values"];

/** Options of every command that computes. */
export const COMPUTE_OPTIONS: OptionSpecs = {
  threads: { type: "string", short: "j" },
  backend: { type: "string" },
  isa: { type: "string" },
  device: { type: "string" },
  cuda: { type: "boolean" },
  "max-device-memory": { type: "string" },
  json: { type: "boolean" },
  quiet: { type: "boolean" },
};

/** Options of every command that writes a model. */
export const WRITE_OPTIONS: OptionSpecs = {
  ...COMPUTE_OPTIONS,
  overwrite: { type: "boolean" },
  "max-memory": { type: "string" },
  io: { type: "string" },
  "on-nonfinite": { type: "string" },
  resume: { type: "boolean" },
  sync: { type: "boolean" },
  "copy-tokenizer": { type: "boolean" },
  ...HUB_OPTIONS,
};

/** Calls `use` with the text of an option that was given. */
export function given(values: Values, name: string, use: (text: string) => void): void {
  const value = values[name];
  if (typeof value === "string") use(value);
}

export function isQuiet(values: Values): boolean {
  return values.quiet === true || values.json === true;
}

type Computing = Pick<WriteOptions, "threads" | "backend" | "isa" | "device" | "maxDeviceMemory">;

/** The values of COMPUTE_OPTIONS. @throws MergeError ARGUMENT */
export function computeOptions(values: Values): Computing {
  const options: Computing = {};
  given(values, "threads", (text) => {
    options.threads = Number(readInteger(text, "--threads"));
  });
  given(values, "backend", (text) => {
    options.backend = readChoice(text, ["auto", "native", "reference"], "--backend");
  });
  given(values, "isa", (text) => {
    options.isa = text;
  });
  given(values, "device", (text) => {
    options.device = readChoice(text, ["cpu", "cuda", "auto"], "--device");
  });
  if (values.cuda === true) {
    if ((options.device ?? "cuda") !== "cuda") {
      throw new MergeError(
        "ARGUMENT",
        `--cuda and --device ${options.device} contradict each other`,
      );
    }
    options.device = "cuda";
  }
  given(values, "max-device-memory", (text) => {
    options.maxDeviceMemory = readBytes(text, "--max-device-memory");
  });
  return options;
}

/** The values of WRITE_OPTIONS. @throws MergeError ARGUMENT */
export function writeOptions(values: Values, out: string, streams: Streams): WriteOptions {
  const options: WriteOptions = {
    out,
    overwrite: values.overwrite === true,
    resume: values.resume !== false,
    sync: values.sync !== false,
    copyTokenizer: values["copy-tokenizer"] !== false,
    ...computeOptions(values),
    ...hubOptions(values, streams, isQuiet(values)),
  };
  given(values, "max-memory", (text) => {
    options.maxMemory = readBytes(text, "--max-memory");
  });
  given(values, "io", (text) => {
    options.io = readChoice(text, ["auto", "mmap", "pread"], "--io");
  });
  given(values, "on-nonfinite", (text) => {
    options.onNonfinite = readChoice(text, ["error", "warn", "allow"], "--on-nonfinite");
  });
  return options;
}

/** Says which backend is taken where it is not the native one, unless that was asked for. */
export function noteBackend(values: Values, streams: Streams): void {
  const info = backendInfo();
  if (info.backend === "reference" && values.backend !== "reference") {
    streams.error(`note: ${info.reason}; using the TypeScript reference backend`);
  }
}

/** Windows knows no SIGTERM; Ctrl+Break is what it has beside Ctrl+C. */
const SIGNALS = process.platform === "win32" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];

/** What a long command is given: cancelled by a signal, progress shown. */
export interface Watching {
  signal: AbortSignal;
  onProgress: (progress: Progress) => void;
}

/** Runs a long command; `body` ends before its progress bar does. */
export async function watched<T>(
  values: Values,
  streams: Streams,
  body: (watching: Watching) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const onSignal = () => abort.abort();
  for (const name of SIGNALS) process.once(name, onSignal);
  noteBackend(values, streams);
  const progress = showProgress(isQuiet(values), streams);
  try {
    return await body({ signal: abort.signal, onProgress: progress.update });
  } finally {
    progress.stop();
    for (const name of SIGNALS) process.off(name, onSignal);
  }
}

/** Tells what was written: notes and warnings on stderr, the rest on stdout. */
export function reportResult(result: MergeResult, values: Values, streams: Streams): void {
  const { out, plan, seconds, backend, device, nonfinite, notes } = result;
  const bytes = outputBytes(plan);
  if (values.json === true) {
    const shards = plan.shards.map(({ name, size }) => ({ name, size }));
    const summary = { out, method: plan.method, planHash: plan.hash, shards, bytes, seconds };
    streams.out(JSON.stringify({ ...summary, backend, device, nonfinite, notes }, null, 2));
    return;
  }
  for (const note of notes) streams.error(`note: ${note}`);
  for (const each of values["on-nonfinite"] === "allow" ? [] : nonfinite) {
    const counts = describeNonfinite(each);
    streams.error(`warning: ${each.tensor} holds values that are not finite: ${counts}`);
  }
  const size = `${plan.steps.length} tensors, ${formatBytes(bytes)}`;
  const by = device === "cuda" ? "cuda" : backend;
  streams.out(`${printable(out)}: ${size} in ${seconds.toFixed(2)} s (${plan.method}, ${by})`);
}
