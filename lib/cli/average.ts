import { type AverageOptions, average } from "../average.ts";
import type { DtypeName } from "../convert.ts";
import { type Parsed, parse, readBytes, readInteger, readNumber } from "./options.ts";
import type { Streams } from "./run.ts";
import { given, reportResult, WRITE_OPTIONS, watched, writeOptions } from "./running.ts";

const OPTIONS = {
  ...WRITE_OPTIONS,
  last: { type: "string" },
  ema: { type: "string" },
  dtype: { type: "string" },
  "max-shard-size": { type: "string" },
  "write-model-card": { type: "boolean" },
} as const;

function optionsOf(values: Parsed["values"], out: string, streams: Streams): AverageOptions {
  const options: AverageOptions = {
    ...writeOptions(values, out, streams),
    modelCard: values["write-model-card"] !== false,
  };
  given(values, "last", (text) => {
    options.last = Number(readInteger(text, "--last"));
  });
  given(values, "ema", (text) => {
    options.ema = readNumber(text, "--ema");
  });
  given(values, "dtype", (text) => {
    options.dtype = text as DtypeName;
  });
  given(values, "max-shard-size", (text) => {
    options.shardSize = readBytes(text, "--max-shard-size");
  });
  return options;
}

/** `weightloom average CHECKPOINT... OUT/` */
export async function averageCommand(args: readonly string[], streams: Streams): Promise<number> {
  const { positionals, values } = parse(args, OPTIONS, ["CHECKPOINT", "...", "OUT/"]);
  const out = positionals.pop() as string;
  const options = optionsOf(values, out, streams);
  const result = await watched(values, streams, (watching) => {
    return average(positionals, { ...options, ...watching });
  });
  reportResult(result, values, streams);
  return 0;
}
