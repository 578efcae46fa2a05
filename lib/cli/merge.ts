import { type MergeOptions, merge } from "../merge.ts";
import { explainIgnored, MERGEKIT_OPTIONS } from "./mergekit.ts";
import { type Parsed, parse, readBytes, readChoice, readInteger } from "./options.ts";
import type { Streams } from "./run.ts";
import { given, reportResult, WRITE_OPTIONS, watched, writeOptions } from "./running.ts";

const OPTIONS = {
  ...WRITE_OPTIONS,
  "random-seed": { type: "string" },
  random: { type: "string" },
  "out-shard-size": { type: "string" },
  "num-threads": { type: "string" },
  "write-model-card": { type: "boolean" },
  "intermediate-dir": { type: "string", short: "I" },
  ...MERGEKIT_OPTIONS,
} as const;

function optionsOf(values: Parsed["values"], out: string, streams: Streams): MergeOptions {
  const options: MergeOptions = { modelCard: values["write-model-card"] !== false, out };
  given(values, "random-seed", (text) => {
    options.seed = readInteger(text, "--random-seed");
  });
  given(values, "random", (text) => {
    options.random = readChoice(text, ["philox", "torch-cpu"], "--random");
  });
  given(values, "out-shard-size", (text) => {
    options.shardSize = readBytes(text, "--out-shard-size");
  });
  given(values, "num-threads", (text) => {
    options.threads = Number(readInteger(text, "--num-threads"));
  });
  given(values, "intermediate-dir", (text) => {
    options.intermediateDir = text;
  });
  return { ...options, ...writeOptions(values, out, streams) };
}

/** `weightloom merge RECIPE.yml OUT/` */
export async function mergeCommand(args: readonly string[], streams: Streams): Promise<number> {
  const { positionals, values } = parse(args, OPTIONS, ["RECIPE.yml", "OUT/"]);
  const ignored = explainIgnored(values);
  const options = optionsOf(values, positionals[1], streams);
  const result = await watched(values, streams, (watching) => {
    return merge(positionals[0], { ...options, ...watching });
  });
  const notes = [...(ignored === undefined ? [] : [ignored]), ...result.notes];
  reportResult({ ...result, notes }, values, streams);
  return 0;
}
