import { expect, test } from "vitest";
import { isOperation } from "../../../lib/assets/recorded_operation.ts";

const task = {
  op: "task",
  base: 0,
  inputs: [1],
  weights: [1],
  sparsify: [{ kind: "none" }],
  rescale: false,
  factors: [1],
  consensus: false,
  normalize: false,
  divisor: 1,
  lambda: 1,
  key: [0, 0],
  torch: null,
  width: 1,
};

test.each([
  [true, {}],
  [true, { torch: { seed: 1, offset: 0 } }],
  [false, { torch: 1 }],
  [false, { sparsify: [null] }],
  [false, { sparsify: [1] }],
  [false, { inputs: [2] }],
])("%s: a task with %j", (is, more) => expect(isOperation({ ...task, ...more }, 2)).toBe(is));
