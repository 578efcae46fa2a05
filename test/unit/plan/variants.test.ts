import { describe, expect, test } from "vitest";
import { type Operation, plan } from "../../../lib/index.ts";

const models = ["sort", "add"].map((name) => ({
  model: `examples/models/${name}`,
  parameters: { weight: 0.5, density: 0.5 },
}));

async function operationOf(
  merge_method: string,
  parameters: Record<string, string | number | boolean>,
) {
  const made = await plan({ merge_method, base_model: "examples/models/base", models, parameters });
  const step = made.steps.find(({ tensor }) => tensor === "model.layers.0.mlp.up_proj.weight");
  return step?.operation as Extract<Operation, { op: "task" }>;
}

describe("the papers' variants", () => {
  test("ties trims the model as a whole and divides by the number of agreeing models", async () => {
    const { sparsify, normalize } = await operationOf("ties", { variant: "paper" });
    expect(normalize).toBe("count");
    expect(sparsify).toMatchObject([0, 1].map((trim) => ({ kind: "global", density: 0.5, trim })));
  });

  test("a model whose density is 1 is not trimmed beside one that is", async () => {
    const two = models.map((each, i) => {
      return { ...each, parameters: { weight: 1, density: i === 0 ? 1 : 0.5 } };
    });
    const { steps } = await plan({
      merge_method: "ties",
      base_model: "examples/models/base",
      models: two,
      parameters: { density_scope: "model" },
    });
    const kinds = steps.flatMap(({ operation }) => {
      return operation.op === "task" ? [operation.sparsify.map(({ kind }) => kind).join()] : [];
    });
    expect(new Set(kinds)).toEqual(new Set(["none,global"]));
  });

  test("their switches stand alone", async () => {
    const rows = await operationOf("ties", { density_scope: "row" });
    expect([rows.sparsify[0].kind, rows.normalize]).toEqual(["row", "weights"]);
    const both = await operationOf("ties", { variant: "paper", density_scope: "row" });
    expect([both.sparsify[0].kind, both.normalize]).toEqual(["row", "count"]);
    const count = await operationOf("ties", { divisor: "count" });
    expect([count.sparsify[0].kind, count.normalize]).toEqual(["magnitude", "count"]);
  });

  test.each([{ variant: "paper" }, { rescale: "inverse-density" }])(
    "dare divides by the density: %j",
    async (parameters) => {
      const { factors, rescale } = await operationOf("dare_linear", parameters);
      expect([factors, rescale]).toEqual([[2, 2], false]);
    },
  );

  test("della divides by each element's probability", async () => {
    const { sparsify, rescale } = await operationOf("della", { variant: "paper" });
    expect(sparsify[0]).toMatchObject({ kind: "rank", inverse: true });
    expect(rescale).toBe(false);
  });

  test("breadcrumbs masks rows", async () => {
    const parameters = { variant: "paper", gamma: 0.1 };
    const { sparsify } = await operationOf("breadcrumbs", parameters);
    expect(sparsify[0]).toEqual({ kind: "row", top: 12, keep: 64 });
  });

  test("a word that there is not is refused", async () => {
    await expect(operationOf("ties", { variant: "papper" })).rejects.toMatchObject({
      code: "WRONG_TYPE",
    });
  });
});
