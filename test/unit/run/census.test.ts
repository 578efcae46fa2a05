import { expect, test } from "vitest";
import { plan } from "../../../lib/merge.ts";
import { censusOf } from "../../../lib/run/census.ts";
import type { Census } from "../../../lib/run/work.ts";

const recipe = (density: readonly number[]) => ({
  merge_method: "ties",
  base_model: "examples/models/base",
  models: ["add", "sort"].map((name, i) => ({
    model: `examples/models/${name}`,
    parameters: { weight: 1, density: density[i] },
  })),
  parameters: { density_scope: "model" },
});

test("a census has a pair of inputs for every tensor that is trimmed, and for no other", async () => {
  const both = await plan(recipe([0.5, 0.5]));
  const one = await plan(recipe([1, 0.5]));
  const [two, single] = [both, one].map((made) => censusOf(made));
  const tensors = both.steps.filter(({ operation }) => operation.op === "task").length;
  expect((two!.operation as Census).pairs).toHaveLength(2 * tensors);
  expect(two!.inputs).toHaveLength(4 * tensors);
  expect((single!.operation as Census).pairs).toHaveLength(tensors);
  expect((single!.operation as Census).keep).toEqual(one.trims?.map(({ keep }) => keep));
});

test("without trims there is none", async () => {
  expect(censusOf(await plan(recipe([1, 1])))).toBeUndefined();
});
