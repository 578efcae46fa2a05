import type { Operation, Sparsify } from "../lib/plan/types.ts";

type Task = Extract<Operation, { op: "task" }>;

/** A `task` over a base and one model that changes nothing, but for what is given. */
export function taskOf(sparsify: Sparsify, more: Partial<Task> = {}): Task {
  return {
    op: "task",
    base: 0,
    inputs: [1],
    weights: [1],
    sparsify: [sparsify],
    rescale: false,
    factors: [1],
    consensus: false,
    normalize: false,
    divisor: 1,
    lambda: 1,
    key: [0, 0],
    torch: null,
    width: 1,
    ...more,
  };
}
