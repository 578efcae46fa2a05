import { expect, test } from "vitest";
import { ManifestDraft } from "../../../lib/assets/manifest.ts";
import type { MergeError } from "../../../lib/errors.ts";
import type { Operation, Plan, Sparsify } from "../../../lib/plan/types.ts";
import { chooseBackend } from "../../../lib/run/backend.ts";
import { fuse } from "../../../lib/run/fuse.ts";
import { fitBudget } from "../../../lib/run/memory.ts";
import { SPARE_MEMORY } from "../../../lib/run/work.ts";
import { planOf, resultOf, step } from "../assets/plan.ts";

/** Bytes that a merge says it needs with one thread. */
function neededBy(plan: Plan): number {
  const where = { io: "mmap" as const, device: undefined };
  try {
    fitBudget(plan, fuse(plan, new Map()), chooseBackend("auto"), 1, where, 1);
  } catch (error) {
    const { hint } = error as MergeError;
    return Number(/^it needs (.*) MB with one thread$/.exec(`${hint}`)?.[1]) * 1e6;
  }
  return 0;
}

test("the manifest of very many tensors, drafted while they are made, counts", () => {
  const steps = Array.from({ length: 100_000 }, (_, i) => step(`model.layers.${i}.norm.weight`));
  const many = planOf(steps);
  const { length } = new ManifestDraft(many, "1").fill(steps.map(() => resultOf()));
  expect(neededBy(many) - neededBy(planOf([step("a")]))).toBeGreaterThan(1.5 * length);
});

test("masks are kept in what a budget leaves, up to a bound", () => {
  const plan = planOf([step("a")]);
  const where = { io: "mmap" as const, device: undefined };
  const spare = (maxMemory?: number) =>
    fitBudget(plan, fuse(plan, new Map()), chooseBackend("auto"), 1, where, maxMemory).spare;
  expect(spare()).toBe(SPARE_MEMORY);
  expect(spare(2 ** 40)).toBe(SPARE_MEMORY);
  const tight = spare(neededBy(plan) + 8e6);
  expect(tight).toBeGreaterThan(0);
  expect(tight).toBeLessThan(20e6);
});

test("rows whose elements are ranked count", () => {
  const task = (sparsify: Sparsify): Operation => ({
    op: "task",
    base: 0,
    inputs: [1],
    weights: [1],
    sparsify: [sparsify],
    rescale: true,
    factors: [1],
    consensus: false,
    normalize: false,
    divisor: 1,
    lambda: 1,
    key: [1, 2],
    torch: null,
    width: 1_000_000,
  });
  const rank = task({ kind: "rank", low: 0.4, spread: 0.2, model: 0, inverse: false });
  const row = task({ kind: "row", top: 1, keep: 10 });
  const random = task({ kind: "random", threshold: 2 ** 31, model: 0 });
  const needs = [rank, row, random].map((operation) =>
    neededBy(planOf([step("a", { operation })])),
  );
  expect(needs[0] - needs[2]).toBeGreaterThan(30e6);
  expect(needs[1]).toBe(needs[0]);
});
