import { printable } from "../errors.ts";
import { type MergeOptions, type MergeResult, merge } from "../merge.ts";
import { formatBytes, outputBytes } from "../plan/explain.ts";
import { backendInfo } from "../run/backend.ts";
import { describeNonfinite } from "../run/nonfinite.ts";
import { HUB_OPTIONS, hubOptions } from "./hub.ts";
import { explainIgnored, MERGEKIT_OPTIONS } from "./mergekit.ts";
import { parse, readBytes, readChoice, readInteger } from "./options.ts";
import { showProgress } from "./progress.ts";
import type { Streams } from "./run.ts";

const OPTIONS = {
  overwrite: { type: "boolean" },
  "random-seed": { type: "string" },
  random: { type: "string" },
  "out-shard-size": { type: "string" },
  threads: { type: "string", short: "j" },
  "max-memory": { type: "string" },
  backend: { type: "string" },
  isa: { type: "string" },
  io: { type: "string" },
  "on-nonfinite": { type: "string" },
  resume: { type: "boolean" },
  sync: { type: "boolean" },
  json: { type: "boolean" },
  quiet: { type: "boolean" },
  "num-threads": { type: "string" },
  "copy-tokenizer": { type: "boolean" },
  "write-model-card": { type: "boolean" },
  "intermediate-dir": { type: "string", short: "I" },
  ...HUB_OPTIONS,
  ...MERGEKIT_OPTIONS,
} as const;

type Values = Record<string, string | boolean | undefined>;

function optionsOf(values: Values, out: string): MergeOptions {
  const options: MergeOptions = {
    out,
    overwrite: values.overwrite === true,
    resume: values.resume !== false,
    sync: values.sync !== false,
    copyTokenizer: values["copy-tokenizer"] !== false,
    modelCard: values["write-model-card"] !== false,
  };
  const given = (name: string, use: (text: string) => void) => {
    const value = values[name];
    if (typeof value === "string") use(value);
  };
  given("random-seed", (text) => {
    options.seed = readInteger(text, "--random-seed");
  });
  given("random", (text) => {
    options.random = readChoice(text, ["philox", "torch-cpu"], "--random");
  });
  given("out-shard-size", (text) => {
    options.shardSize = readBytes(text, "--out-shard-size");
  });
  for (const name of ["num-threads", "threads"]) {
    given(name, (text) => {
      options.threads = Number(readInteger(text, `--${name}`));
    });
  }
  given("intermediate-dir", (text) => {
    options.intermediateDir = text;
  });
  given("max-memory", (text) => {
    options.maxMemory = readBytes(text, "--max-memory");
  });
  given("backend", (text) => {
    options.backend = readChoice(text, ["auto", "native", "reference"], "--backend");
  });
  given("io", (text) => {
    options.io = readChoice(text, ["auto", "mmap", "pread"], "--io");
  });
  given("on-nonfinite", (text) => {
    options.onNonfinite = readChoice(text, ["error", "warn", "allow"], "--on-nonfinite");
  });
  given("isa", (text) => {
    options.isa = text;
  });
  return options;
}

/** Windows knows no SIGTERM; Ctrl+Break is what it has beside Ctrl+C. */
const SIGNALS = process.platform === "win32" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];

/** `weightloom merge RECIPE.yml OUT/` */
export async function mergeCommand(args: readonly string[], streams: Streams): Promise<number> {
  const { positionals, values } = parse(args, OPTIONS, ["RECIPE.yml", "OUT/"]);
  const quiet = values.quiet === true || values.json === true;
  const ignored = explainIgnored(values);
  const options = { ...optionsOf(values, positionals[1]), ...hubOptions(values, streams, quiet) };
  const abort = new AbortController();
  const onSignal = () => abort.abort();
  for (const name of SIGNALS) process.once(name, onSignal);
  const info = backendInfo();
  if (info.backend === "reference" && options.backend !== "reference") {
    streams.error(`note: ${info.reason}; using the TypeScript reference backend`);
  }
  const progress = showProgress(quiet, streams);
  try {
    const { update: onProgress } = progress;
    const result = await merge(positionals[0], { ...options, signal: abort.signal, onProgress });
    progress.stop();
    const notes = [...(ignored === undefined ? [] : [ignored]), ...result.notes];
    report({ ...result, notes }, values, streams);
    return 0;
  } finally {
    progress.stop();
    for (const name of SIGNALS) process.off(name, onSignal);
  }
}

function report(result: MergeResult, values: Values, streams: Streams): void {
  const { out, plan, seconds, backend, nonfinite, notes } = result;
  const bytes = outputBytes(plan);
  if (values.json === true) {
    const shards = plan.shards.map(({ name, size }) => ({ name, size }));
    const summary = { out, method: plan.method, planHash: plan.hash, shards, bytes, seconds };
    streams.out(JSON.stringify({ ...summary, backend, nonfinite, notes }, null, 2));
    return;
  }
  for (const note of notes) streams.error(`note: ${note}`);
  for (const each of values["on-nonfinite"] === "allow" ? [] : nonfinite) {
    const counts = describeNonfinite(each);
    streams.error(`warning: ${each.tensor} holds values that are not finite: ${counts}`);
  }
  const size = `${plan.steps.length} tensors, ${formatBytes(bytes)}`;
  streams.out(`${printable(out)}: ${size} in ${seconds.toFixed(2)} s (${plan.method}, ${backend})`);
}
