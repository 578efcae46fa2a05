import { convert, type DtypeName } from "../convert.ts";
import { MergeError } from "../errors.ts";
import { parse, readBytes } from "./options.ts";
import type { Streams } from "./run.ts";
import { given, reportResult, WRITE_OPTIONS, watched, writeOptions } from "./running.ts";

const OPTIONS = {
  ...WRITE_OPTIONS,
  dtype: { type: "string" },
  "max-shard-size": { type: "string" },
} as const;

/** `weightloom convert MODEL OUT/ --dtype NAME` */
export async function convertCommand(args: readonly string[], streams: Streams): Promise<number> {
  const { positionals, values } = parse(args, OPTIONS, ["MODEL", "OUT/"]);
  const [model, out] = positionals;
  if (typeof values.dtype !== "string") {
    throw new MergeError("ARGUMENT", "--dtype: float32, float16 or bfloat16 was expected");
  }
  const dtype = values.dtype as DtypeName;
  const options = { dtype, ...writeOptions(values, out, streams) };
  given(values, "max-shard-size", (text) => {
    options.shardSize = readBytes(text, "--max-shard-size");
  });
  const result = await watched(values, streams, (watching) => {
    return convert(model, { ...options, ...watching });
  });
  reportResult(result, values, streams);
  return 0;
}
