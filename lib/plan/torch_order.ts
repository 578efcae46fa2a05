/** The order in which mergekit draws random numbers on a CPU: tensors by name, models by position. */
import { draws } from "../methods/task.ts";
import type { Operation } from "./types.ts";

/** Tensors that are to be made; their operations are completed. */
interface Drawing {
  name: string;
  count: number;
  operation: Operation;
}

/** Gives every operation that draws from torch's stream the position of its first draw. */
export function assignDraws<T extends Drawing>(items: readonly T[]): T[] {
  if (!items.some(({ operation }) => operation.op === "task" && operation.torch !== null)) {
    return [...items];
  }
  const offsets = new Map<string, number>();
  let position = 0;
  const byName = [...items].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, count, operation } of byName) {
    if (operation.op !== "task" || operation.torch === null) continue;
    offsets.set(name, position);
    position += count * operation.sparsify.filter(draws).length;
  }
  return items.map((item) => {
    const { operation } = item;
    if (operation.op !== "task" || operation.torch === null) return item;
    const torch = { ...operation.torch, offset: offsets.get(item.name) as number };
    return { ...item, operation: { ...operation, torch } };
  });
}
