import { reshard } from "../convert.ts";
import { parse, readBytes } from "./options.ts";
import type { Streams } from "./run.ts";
import { given, reportResult, WRITE_OPTIONS, watched, writeOptions } from "./running.ts";

const OPTIONS = { ...WRITE_OPTIONS, "max-shard-size": { type: "string" } } as const;

/** `weightloom reshard MODEL OUT/ --max-shard-size SIZE` */
export async function reshardCommand(args: readonly string[], streams: Streams): Promise<number> {
  const { positionals, values } = parse(args, OPTIONS, ["MODEL", "OUT/"]);
  const [model, out] = positionals;
  const options = writeOptions(values, out, streams);
  given(values, "max-shard-size", (text) => {
    options.shardSize = readBytes(text, "--max-shard-size");
  });
  const result = await watched(values, streams, (watching) => {
    return reshard(model, { ...options, ...watching });
  });
  reportResult(result, values, streams);
  return 0;
}
