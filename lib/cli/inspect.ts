import { printable } from "../errors.ts";
import { type Model, type ModelTensor, openModel } from "../format/model.ts";
import { formatBytes } from "../plan/explain.ts";
import { parse } from "./options.ts";
import type { Streams } from "./run.ts";

/** `weightloom inspect MODEL/` */
export async function inspectCommand(args: readonly string[], streams: Streams): Promise<number> {
  const { positionals, values } = parse(args, { json: { type: "boolean" } }, ["MODEL/"]);
  const model = openModel(positionals[0]);
  if (values.json === true) streams.out(JSON.stringify(asJson(model), null, 2));
  else for (const line of asText(model)) streams.out(line);
  return 0;
}

function totals(model: Model): { dtype: string; tensors: number; bytes: number }[] {
  const rows = new Map<string, { dtype: string; tensors: number; bytes: number }>();
  for (const { dtype, bytes } of model.tensors.values()) {
    const row = rows.get(dtype) ?? { dtype, tensors: 0, bytes: 0 };
    row.tensors++;
    row.bytes += bytes;
    rows.set(dtype, row);
  }
  return [...rows.values()];
}

function asJson(model: Model): unknown {
  const tensors = [...model.tensors.values()].map(({ file, ...rest }) => {
    return { ...rest, file: model.files[file].path };
  });
  const metadata = Object.fromEntries(model.metadata);
  return { path: model.path, totals: totals(model), metadata, tensors };
}

function* asText(model: Model): Generator<string> {
  const tensors = [...model.tensors.values()];
  const width = Math.max(4, ...tensors.map(({ name }) => Math.min(60, printable(name).length)));
  for (const tensor of tensors) yield tensorLine(tensor, width);
  yield "";
  for (const { dtype, tensors: count, bytes } of totals(model)) {
    yield `${dtype}: ${count} tensors, ${formatBytes(bytes)}`;
  }
  for (const [key, value] of model.metadata) yield `${printable(key)}: ${printable(value)}`;
}

function tensorLine({ name, dtype, shape, bytes }: ModelTensor, width: number): string {
  const shown = `[${shape.join(", ")}]`;
  return `${printable(name).padEnd(width)}  ${dtype.padEnd(5)}  ${shown.padEnd(16)}  ${formatBytes(bytes)}`;
}
