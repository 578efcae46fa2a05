import { expect, test } from "vitest";
import type { Operation, Sparsify } from "../../../lib/plan/types.ts";
import { encodeWork } from "../../../lib/run/wire.ts";
import type { Work, WorkStep } from "../../../lib/run/work.ts";
import { refusal } from "../../make.ts";
import { taskOf } from "../../operations.ts";

const inputs = [0, 1].map((source) => ({ source, offset: 0, dtype: "F32" }) as const);
const step = (operation: Operation): WorkStep => {
  return { tensor: "w", dtype: "F32", count: 4, output: 0, offset: 0, inputs, operation };
};
const memory = new Uint8Array(16);
const workOf = (steps: readonly WorkStep[]): Work => {
  return { sources: [{ memory }, { memory }], outputs: [{ memory }], steps };
};
/** Words of the head and of three places. */
const BEFORE = 1 + 4 + 2 * 3;
/** Words of a step before its inputs. */
const STEP = 8;

test("a wire grows with its steps", () => {
  const steps = Array.from({ length: 2000 }, () => step({ op: "copy", input: 1 }));
  const { wire, places } = encodeWork(workOf(steps));
  expect(wire.byteLength).toBe(8 * (BEFORE + 2000 * (STEP + 3)));
  expect(places).toEqual([memory, memory, memory]);
  const view = new DataView(wire.buffer);
  const last = BEFORE + 1999 * (STEP + 3);
  expect(view.getBigUint64(8 * (last + STEP), true)).toBe(1n);
});

test.each<[Sparsify, number]>([
  [{ kind: "rank", low: 0.25, spread: 0.5, model: 3, inverse: false }, 4],
  [{ kind: "rank", low: 0.25, spread: 0.5, model: 3, inverse: true }, 6],
])("%o has the number %i", (sparsify, kind) => {
  const operation = taskOf(sparsify, { weights: [0.5], width: 4 });
  const { wire } = encodeWork(workOf([step(operation)]));
  const view = new DataView(wire.buffer);
  const model = BEFORE + STEP + 2 * 3 + 11;
  const numbers = Array.from({ length: 6 }, (_, i) => view.getFloat64(8 * (model + i), true));
  expect(numbers).toEqual([0.5, kind, 0.25, 0.5, 3, 1]);
});

test("a custom method has no form there", async () => {
  const operation: Operation = {
    op: "custom",
    method: "half",
    inputs: [0],
    base: null,
    shape: [4],
    parameters: {},
    modelParameters: {},
  };
  const error = await refusal(() => encodeWork(workOf([step(operation)])));
  expect(error).toMatchObject({ code: "BACKEND", message: expect.stringContaining("reference") });
});
