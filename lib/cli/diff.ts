import { writeFileSync } from "node:fs";
import { figure, percent } from "../diff/figures.ts";
import { type Diff, type DiffOptions, type DiffTensor, diff } from "../diff.ts";
import { MergeError, printable } from "../errors.ts";
import { HUB_OPTIONS, hubOptions } from "./hub.ts";
import { parse } from "./options.ts";
import type { Streams } from "./run.ts";
import { COMPUTE_OPTIONS, computeOptions, isQuiet, watched } from "./running.ts";

const OPTIONS = {
  ...COMPUTE_OPTIONS,
  ...HUB_OPTIONS,
  base: { type: "string" },
  all: { type: "boolean" },
  html: { type: "string" },
} as const;

/** `weightloom diff A B [C...]`: 0 when they are the same, 1 when they differ. */
export async function diffCommand(args: readonly string[], streams: Streams): Promise<number> {
  const { positionals, values } = parse(args, OPTIONS, ["MODEL", "..."]);
  const { base, html } = values;
  const page = typeof html === "string" ? (await import("../diff/page.ts")).diffPage : undefined;
  const options: DiffOptions = {
    ...computeOptions(values),
    ...hubOptions(values, streams, isQuiet(values)),
    ...(typeof base === "string" ? { base } : {}),
  };
  const found = await watched(values, streams, (watching) => {
    return diff(positionals, { ...options, ...watching });
  });
  if (page !== undefined) writePage(html as string, await page(found));
  if (values.json === true) streams.out(JSON.stringify(found, null, 2));
  else for (const line of asText(found, values.all === true)) streams.out(line);
  return found.same ? 0 : 1;
}

function writePage(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (cause) {
    const message = `${printable(path)}: ${(cause as Error).message}`;
    throw new MergeError("WRITE_FAILED", message, { cause });
  }
}

function* asText(found: Diff, all: boolean): Generator<string> {
  const rows = [headOf(found)];
  for (const tensor of found.tensors) rows.push(...rowsOf(found, tensor, all));
  if (rows.length > 1) yield* aligned(rows);
  for (const { tensor, model, detail } of found.mismatches) {
    // Without a model it is the base's fault.
    const where = model === null ? (found.base as string) : found.models[model];
    yield `${printable(tensor)}: ${printable(where)}: ${detail}`;
  }
  if (rows.length > 1 || found.mismatches.length > 0) yield "";
  yield* wholeOf(found);
}

/** Columns of a table of tensors, as wide as they need. */
function* aligned(rows: readonly (readonly string[])[]): Generator<string> {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) {
    const cells = row.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]),
    );
    yield cells.join("  ").trimEnd();
  }
}

function headOf({ base, models }: Diff): string[] {
  const several = base !== null && models.length > 1;
  return [
    "tensor",
    "model",
    "equal",
    "max |d|",
    "mean |d|",
    "rel. L2",
    "cosine",
    ...(base === null ? [] : ["redundant"]),
    ...(several ? ["conflicts"] : []),
  ];
}

/** A line for each model in which the tensor is not the same. */
function rowsOf({ base, models }: Diff, tensor: DiffTensor, all: boolean): string[][] {
  const several = base !== null && models.length > 1;
  const shown = tensor.differences.filter(({ identical }) => all || !identical);
  return shown.map((each) => [
    printable(tensor.tensor),
    String(each.model + 1),
    each.identical ? "same" : percent(each.equal),
    figure(each.maxDelta),
    figure(each.meanDelta),
    figure(each.relativeL2),
    figure(each.cosine),
    ...(base === null ? [] : [percent(each.redundancy)]),
    ...(several ? [percent(tensor.signConflicts)] : []),
  ]);
}

function* wholeOf({ models, base, tensors, whole, same, mismatches }: Diff): Generator<string> {
  yield base === null ? `compared with 1  ${printable(models[0])}` : `base  ${printable(base)}`;
  for (const each of whole.differences) {
    const parts = [
      `${percent(each.equal)} equal`,
      `max |d| ${figure(each.maxDelta)}`,
      `mean |d| ${figure(each.meanDelta)}`,
      `rel. L2 ${figure(each.relativeL2)}`,
      `cosine ${figure(each.cosine)}`,
      ...(each.redundancy === null ? [] : [`redundant ${percent(each.redundancy)}`]),
      ...(each.top20 === null ? [] : [`top 20 % hold ${percent(each.top20)}`]),
    ];
    yield `${each.model + 1}  ${printable(models[each.model])}: ${parts.join(", ")}`;
  }
  if (whole.signConflicts !== null) {
    const parts = [`sign conflicts ${percent(whole.signConflicts)}`];
    if (whole.cancelled !== null) parts.push(`cancelled ${percent(whole.cancelled)}`);
    yield `together: ${parts.join(", ")}`;
  }
  if (models.length > 1) yield* matrixOf(base, whole.cosines);
  const identical = tensors.filter((tensor) => tensor.differences.every((d) => d.identical)).length;
  const left = mismatches.length === 0 ? "" : `, ${mismatches.length} not compared`;
  yield same ? "same" : `${identical} of ${tensors.length} tensors are the same${left}`;
}

function* matrixOf(base: string | null, cosines: Diff["whole"]["cosines"]): Generator<string> {
  yield `cosines between ${base === null ? "models" : "task vectors"}`;
  const numbers = cosines.map((_, i) => String(i + 1));
  const rows = cosines.map((row, i) => [numbers[i], ...row.map((value) => figure(value))]);
  yield* aligned([["", ...numbers], ...rows]);
}
