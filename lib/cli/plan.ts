import { plan } from "../merge.ts";
import { explain } from "../plan/explain.ts";
import { HUB_OPTIONS, hubOptions } from "./hub.ts";
import { parse, readBytes, readInteger } from "./options.ts";
import type { Streams } from "./run.ts";

const OPTIONS = {
  tensors: { type: "boolean" },
  json: { type: "boolean" },
  "random-seed": { type: "string" },
  "out-shard-size": { type: "string" },
  ...HUB_OPTIONS,
} as const;

/** `weightloom plan RECIPE.yml` */
export async function planCommand(args: readonly string[], streams: Streams): Promise<number> {
  const { positionals, values } = parse(args, OPTIONS, ["RECIPE.yml"]);
  const seed = values["random-seed"] as string | undefined;
  const shard = values["out-shard-size"] as string | undefined;
  const made = await plan(positionals[0], {
    ...hubOptions(values, streams, values.json === true),
    ...(seed === undefined ? {} : { seed: readInteger(seed, "--random-seed") }),
    ...(shard === undefined ? {} : { shardSize: readBytes(shard, "--out-shard-size") }),
  });
  if (values.json === true) streams.out(JSON.stringify(made, null, 2));
  else for (const line of explain(made, { tensors: values.tensors === true })) streams.out(line);
  return 0;
}
