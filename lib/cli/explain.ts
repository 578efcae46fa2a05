import { printable } from "../errors.ts";
import { resolveParameters } from "../merge.ts";
import { explainLayers } from "../plan/explain_layers.ts";
import { HUB_OPTIONS, hubOptions } from "./hub.ts";
import { parse } from "./options.ts";
import type { Streams } from "./run.ts";

const OPTIONS = { json: { type: "boolean" }, ...HUB_OPTIONS } as const;

/** `weightloom explain RECIPE.yml` */
export async function explainCommand(args: readonly string[], streams: Streams): Promise<number> {
  const { positionals, values } = parse(args, OPTIONS, ["RECIPE.yml"]);
  const json = values.json === true;
  const documents = await resolveParameters(positionals[0], hubOptions(values, streams, json));
  if (json) {
    streams.out(JSON.stringify(documents, null, 2));
    return 0;
  }
  for (const { name, method, specs, models, tensors } of documents) {
    if (name !== undefined) streams.out(`document  ${printable(name)}`);
    streams.out(`method    ${method}`);
    for (const line of explainLayers(tensors, specs, models)) streams.out(line);
  }
  return 0;
}
