import { byteLength } from "../format/dtype.ts";
import type { Plan } from "../plan/types.ts";
import { members, membersByName, sections } from "./lines.ts";

/** Text of `model.safetensors.index.json` for a plan with several shards. */
export function shardIndex({ steps, shards }: Plan, version: string): string {
  const total = steps.reduce((sum, { dtype, count }) => sum + byteLength(dtype, count), 0);
  const files = shards.map(({ name }) => JSON.stringify(name));
  const weights = steps.map(({ tensor, shard }) => [tensor, files[shard]] as const);
  return sections([
    ["metadata", members({ total_size: total, weightloom_version: version })],
    ["weight_map", membersByName(weights)],
  ]);
}
