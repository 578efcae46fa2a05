import { expect, test } from "vitest";
import { explainOperation } from "../../../lib/plan/explain.ts";
import type { Operation, PlanStep, Sparsify } from "../../../lib/plan/types.ts";
import { taskOf } from "../../operations.ts";

const MODELS = ["A", "B", "C"];
const input = (model: number) => {
  return { source: model, offset: 0, dtype: "F32", model, tensor: "w" } as const;
};

function words(operation: Operation): string {
  const step: PlanStep = {
    tensor: "w",
    dtype: "F32",
    shape: [8],
    count: 8,
    shard: 0,
    offset: 0,
    inputs: [input(0), input(1), input(2)],
    operation,
  };
  return explainOperation(operation, step, MODELS);
}

const span = { op: "span", inputs: [0, 1], width: 8 } as const;
const CASES: [Operation, string][] = [
  [
    { ...span, sphere: "nuslerp", base: null, axis: "rows", parameters: [0.25] },
    "nuslerp by rows of A, B; 0.25",
  ],
  [
    { ...span, sphere: "multislerp", base: 2, axis: "all", parameters: [1e-8, 1, 2] },
    "multislerp of A, B around C; 1e-8, 1, 2",
  ],
  [{ op: "nearswap", base: 0, input: 1, t: 0.5 }, "t = 0.5 towards B on A"],
  [
    { op: "ram", base: 0, inputs: [1, 2], epsilon: 0.001, boost: null },
    "changes above 0.001 of B, C on A",
  ],
  [
    { op: "ram", base: 0, inputs: [1], epsilon: 0.001, boost: { r: 1, alpha: 2 } },
    "changes above 0.001 of B, boosted on A",
  ],
  [
    {
      op: "custom",
      method: "half",
      inputs: [1, 2],
      base: null,
      shape: [8],
      parameters: {},
      modelParameters: {},
    },
    "half of B, C",
  ],
  [{ op: "sce", base: 0, inputs: [1, 2], topk: 0.75 }, "selected 0.75 of B, C on A"],
  [{ op: "arcee_fusion", base: 0, input: 1, width: 8 }, "important elements of B on A"],
];

test.each(CASES)("%o", (operation, line) => expect(words(operation)).toBe(line));

function task(sparsify: Sparsify, more: Parameters<typeof taskOf>[1] = {}): string {
  return words(taskOf(sparsify, { weights: [0.5], width: 8, ...more }));
}

const KEPT: [Sparsify, string][] = [
  [{ kind: "magnitude", keep: 3 }, "largest 3"],
  [{ kind: "global", density: 0.3, trim: 0, first: 0 }, "largest 0.3 of the model"],
  [{ kind: "row", top: 1, keep: 2 }, "of each row 2 below the largest 1"],
  [{ kind: "outliers", top: 1, keep: 2 }, "2 below the largest 1"],
  [{ kind: "rank", low: 0.25, spread: 0.5, model: 0, inverse: false }, "by rank 0.25 to 0.75"],
  [{ kind: "random", threshold: 2 ** 31, model: 0 }, "random 0.5"],
];

test.each(KEPT)("a task that keeps by %o", (sparsify, kept) => {
  expect(task(sparsify)).toBe(`deltas of B; weights 0.5; keeping ${kept}; on A`);
});

test("a task that keeps everything does not say so", () => {
  expect(task({ kind: "none" })).toBe("deltas of B; weights 0.5; on A");
});

test("torch's stream has 24 bits", () => {
  const torch = { seed: 0, offset: 0 };
  const text = task({ kind: "random", threshold: 2 ** 23, model: 0 }, { torch });
  expect(text).toContain("random 0.5");
});

test.each([
  ["weights", "normalized"],
  ["count", "normalized by count"],
] as const)("normalize by %s", (normalize, word) => {
  expect(task({ kind: "none" }, { normalize })).toBe(`deltas of B; weights 0.5; ${word}; on A`);
});
