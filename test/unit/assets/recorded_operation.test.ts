import { expect, test } from "vitest";
import { isOperation } from "../../../lib/assets/recorded_operation.ts";
import { taskOf } from "../../operations.ts";

const task = taskOf({ kind: "none" });

test.each([
  [true, {}],
  [true, { torch: { seed: 1, offset: 0 } }],
  [false, { torch: 1 }],
  [false, { sparsify: [null] }],
  [false, { sparsify: [1] }],
  [false, { inputs: [2] }],
])("%s: a task with %j", (is, more) => expect(isOperation({ ...task, ...more }, 2)).toBe(is));
