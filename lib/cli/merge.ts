import { printable } from "../errors.ts";
import { type MergeOptions, type MergeResult, merge } from "../merge.ts";
import { formatBytes, outputBytes } from "../plan/explain.ts";
import { backendInfo } from "../run/backend.ts";
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
  sync: { type: "boolean" },
  json: { type: "boolean" },
  quiet: { type: "boolean" },
} as const;

type Values = Record<string, string | boolean | undefined>;

function optionsOf(values: Values, out: string): MergeOptions {
  const options: MergeOptions = {
    out,
    overwrite: values.overwrite === true,
    sync: values.sync !== false,
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
  given("threads", (text) => {
    options.threads = Number(readInteger(text, "--threads"));
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
  given("isa", (text) => {
    options.isa = text;
  });
  return options;
}

/** `weightloom merge RECIPE.yml OUT/` */
export async function mergeCommand(args: readonly string[], streams: Streams): Promise<number> {
  const { positionals, values } = parse(args, OPTIONS, ["RECIPE.yml", "OUT/"]);
  const options = optionsOf(values, positionals[1]);
  const abort = new AbortController();
  const onSignal = () => abort.abort();
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  const info = backendInfo();
  if (info.backend === "reference" && options.backend !== "reference") {
    streams.error(`note: ${info.reason}; using the TypeScript reference backend`);
  }
  const progress = showProgress(values.quiet === true || values.json === true, streams);
  try {
    const { update: onProgress } = progress;
    const result = await merge(positionals[0], { ...options, signal: abort.signal, onProgress });
    progress.stop();
    report(result, values.json === true, streams);
    return 0;
  } finally {
    progress.stop();
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}

function report(result: MergeResult, json: boolean, streams: Streams): void {
  const { out, plan, seconds, backend, nonfinite, notes } = result;
  const bytes = outputBytes(plan);
  if (json) {
    const shards = plan.shards.map(({ name, size }) => ({ name, size }));
    const summary = { out, method: plan.method, planHash: plan.hash, shards, bytes, seconds };
    streams.out(JSON.stringify({ ...summary, backend, nonfinite, notes }, null, 2));
    return;
  }
  for (const note of notes) streams.error(`note: ${note}`);
  for (const each of nonfinite) {
    const born = each.nanBorn + each.overflowBorn;
    const fromInput = each.nanFromInput + each.overflowFromInput;
    const counts = `${born} born in the merge, ${fromInput} from the inputs`;
    streams.error(`warning: ${each.tensor} holds values that are not finite: ${counts}`);
  }
  const size = `${plan.steps.length} tensors, ${formatBytes(bytes)}`;
  streams.out(`${printable(out)}: ${size} in ${seconds.toFixed(2)} s (${plan.method}, ${backend})`);
}
