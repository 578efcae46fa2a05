/** Which tensors are trimmed together, when a density counts for a model as a whole. */
import type { Aligned } from "./align.ts";
import { sortByName } from "./names.ts";
import type { Operation, Sparsify, Trim } from "./types.ts";

/** Tensors that are to be made; their operations are completed. */
interface Trimmed {
  name: string;
  count: number;
  operation: Operation;
  aligned: Pick<Aligned, "wanted">;
}

function isGlobal(operation: Operation): boolean {
  return operation.op === "task" && operation.sparsify.some(({ kind }) => kind === "global");
}

function replaceGlobals(
  operation: Operation,
  replace: (sparsify: Extract<Sparsify, { kind: "global" }>, input: number) => Sparsify,
): Operation {
  if (operation.op !== "task" || !isGlobal(operation)) return operation;
  const sparsify = operation.sparsify.map((each, m) => {
    return each.kind === "global" ? replace(each, operation.inputs[m]) : each;
  });
  return { ...operation, sparsify };
}

/** How many of `count` elements a density keeps, as mergekit counts them, but never none. */
export function keepOf(density: number, count: number): number {
  return Math.max(1, Math.floor(density * count));
}

/**
 * Gives every global selection its place: deltas of one model with one density form a trim. Works
 * through the tensors by name, so that shards have no influence.
 */
export function assignTrims<T extends Trimmed>(items: readonly T[]): { items: T[]; trims: Trim[] } {
  const trims: Trim[] = [];
  if (!items.some(({ operation }) => isGlobal(operation))) return { items: [...items], trims };
  const known = new Map<string, number>();
  const done = new Map<T, Operation>();
  for (const item of sortByName(items)) {
    const { aligned, operation, count } = item;
    const replaced = replaceGlobals(operation, (sparsify, input) => {
      const { position: model } = aligned.wanted.slice.sources[input];
      const key = `${model} ${sparsify.density}`;
      const trim = known.get(key) ?? trims.push({ model, count: 0, keep: 0 }) - 1;
      known.set(key, trim);
      const first = trims[trim].count;
      const whole = first + count;
      trims[trim] = { model, count: whole, keep: keepOf(sparsify.density, whole) };
      return { ...sparsify, trim, first };
    });
    done.set(item, replaced);
  }
  const settled = items.map((item) => ({ ...item, operation: done.get(item) as Operation }));
  return { items: settled, trims };
}

/** The same for a tensor that is a whole model by itself. */
export function trimAlone(operation: Operation, count: number): Operation {
  return replaceGlobals(operation, ({ density }) => {
    return { kind: "magnitude", keep: keepOf(density, count) };
  });
}
