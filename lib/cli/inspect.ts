import { printable } from "../errors.ts";
import { type InspectedTensor, type Inspection, inspect } from "../inspect.ts";
import { formatBytes } from "../plan/explain.ts";
import { HUB_OPTIONS, hubOptions } from "./hub.ts";
import { parse } from "./options.ts";
import type { Streams } from "./run.ts";

const OPTIONS = { json: { type: "boolean" }, ...HUB_OPTIONS } as const;

/** `weightloom inspect MODEL` */
export async function inspectCommand(args: readonly string[], streams: Streams): Promise<number> {
  const { positionals, values } = parse(args, OPTIONS, ["MODEL"]);
  const json = values.json === true;
  const found = await inspect(positionals[0], hubOptions(values, streams, json));
  if (json) streams.out(JSON.stringify(found, null, 2));
  else for (const line of asText(found)) streams.out(line);
  return 0;
}

const TYING: Readonly<Record<NonNullable<Inspection["tying"]>, string>> = {
  absent: "tied: no output head is stored, the embedding serves as one",
  headless: "not tied, and no output head is stored",
  twice: "tied: the output head is stored with the same bytes",
  contradiction: "config.json says tied, but the output head differs",
  apart: "not tied: the output head is a tensor of its own",
};

function* asText(found: Inspection): Generator<string> {
  const names = found.tensors.map(({ name }) => Math.min(60, printable(name).length));
  const width = Math.max(4, ...names);
  for (const tensor of found.tensors) yield tensorLine(tensor, width);
  yield "";
  for (const { dtype, tensors, bytes } of found.totals) {
    yield `${dtype}: ${counted(tensors, "tensor")}, ${formatBytes(bytes)}`;
  }
  const { parameters, bytes, files } = found;
  const all = `${parameters.toLocaleString("en-US")} parameters, ${formatBytes(bytes)}`;
  yield `all: ${all} in ${counted(files.length, "file")}`;
  if (found.tying !== null) yield `embeddings: ${TYING[found.tying]}`;
  const named = { architecture: found.architecture, quantization: found.quantization };
  for (const [key, value] of Object.entries(named)) {
    if (value !== null) yield `${key}: ${printable(value)}`;
  }
  for (const [key, value] of Object.entries(found.metadata)) {
    yield `metadata ${printable(key)}: ${printable(value)}`;
  }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function tensorLine({ name, dtype, shape, bytes }: InspectedTensor, width: number): string {
  const shown = `[${shape.join(", ")}]`;
  return `${printable(name).padEnd(width)}  ${dtype.padEnd(5)}  ${shown.padEnd(16)}  ${formatBytes(bytes)}`;
}
