import { byteLength } from "../format/dtype.ts";
import type { Plan } from "../plan/types.ts";

/** Members of a JSON object, one line each, ordered by name; names may be any text. */
export function sortedLines(
  entries: readonly (readonly [name: string, json: string])[],
  indent: string,
): string {
  return entries
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, json]) => `${indent}${JSON.stringify(name)}: ${json}`)
    .join(",\n");
}

/** Text of `model.safetensors.index.json` for a plan with several shards. */
export function shardIndex({ steps, shards }: Plan, version: string): string {
  const total = steps.reduce((sum, { dtype, count }) => sum + byteLength(dtype, count), 0);
  const files = shards.map(({ name }) => JSON.stringify(name));
  const weights = steps.map(({ tensor, shard }) => [tensor, files[shard]] as const);
  return [
    "{",
    '  "metadata": {',
    `    "total_size": ${total},`,
    `    "weightloom_version": ${JSON.stringify(version)}`,
    "  },",
    '  "weight_map": {',
    sortedLines(weights, "    "),
    "  }",
    "}\n",
  ].join("\n");
}
