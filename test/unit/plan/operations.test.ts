import { expect, test } from "vitest";
import { SharedOperations, textOfOperation } from "../../../lib/plan/operations.ts";
import type { Operation } from "../../../lib/plan/types.ts";

const copy = (input: number): Operation => ({ op: "copy", input });
const linear = (...weights: number[]): Operation => {
  return { op: "linear", inputs: [0, 1], weights, divisor: null, mean: true };
};
/** Plain data of any form in the place where a custom method has its parameters. */
const custom = (parameters: unknown): Operation => {
  const own = { method: "own", inputs: [0], base: null, shape: [1], modelParameters: {} };
  return { op: "custom", ...own, parameters: parameters as Record<string, number> };
};

test("equal operations become one object, however far apart they come", () => {
  const shared = new SharedOperations();
  const first = [0, 1, 2, 3, 4, 5].map((i) => shared.share(linear(i, 1)));
  const again = [0, 1, 2, 3, 4, 5].map((i) => shared.share(linear(i, 1)));
  for (const [i, each] of again.entries()) expect(each).toBe(first[i]);
  expect(shared.share(first[5])).toBe(first[5]);
  expect(new Set(first).size).toBe(6);
});

test.each<[string, Operation, Operation]>([
  ["another kind", copy(0), linear(1, 2)],
  ["another number", copy(0), copy(1)],
  ["another number in a list", linear(1, 2), linear(1, 3)],
  ["a longer list", linear(1, 2), linear(1, 2, 3)],
  ["a member more", custom({ a: 1 }), custom({ a: 1, b: 2 })],
  ["a member less", custom({ a: 1, b: 2 }), custom({ a: 1 })],
  ["a list instead of a record", custom({ 0: 1 }), custom([1])],
  ["a record instead of a list", custom([1]), custom({ 0: 1 })],
  ["null instead of a record", custom({}), custom(null)],
  ["a record instead of null", custom(null), custom({})],
  ["a number instead of a record", custom({}), custom(1)],
  ["a record instead of a number", custom(1), custom({})],
])("%s is another operation", (_, a, b) => {
  const shared = new SharedOperations();
  expect(shared.share(a)).toBe(a);
  expect(shared.share(b)).toBe(b);
});

test("the text of an operation is its JSON", () => {
  expect(textOfOperation(copy(2))).toBe('{"op":"copy","input":2}');
});
