import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { plan } from "../../../lib/merge.ts";
import type { PlanStep } from "../../../lib/plan/types.ts";
import type { RecipeObject } from "../../../lib/recipe-object.ts";
import { llama, makeLlama, makeModel, refusal, type TensorSpec, useFolder } from "../../make.ts";

const folder = useFolder("policies");
const NORM = "model.norm.weight";
const EXTRA = "model.layers.1.extra.weight";
const VECTOR: TensorSpec = { dtype: "BF16", shape: [8] };

function model(name: string, changes: Record<string, TensorSpec | null>): string {
  const tensors: Record<string, TensorSpec> = llama();
  for (const [tensor, spec] of Object.entries(changes)) {
    if (spec === null) delete tensors[tensor];
    else tensors[tensor] = spec;
  }
  const config = { tie_word_embeddings: false };
  return makeModel(join(folder, name), tensors, { config });
}

const base = makeLlama(join(folder, "base"), { seed: 5 });
const whole = model("whole", {});
const poor = model("poor", { [NORM]: null });
const rich = model("rich", { [EXTRA]: VECTOR });
const long = model("long", { [NORM]: { dtype: "BF16", shape: [12] } });

function linear(models: readonly string[], more: Partial<RecipeObject>): RecipeObject {
  const weights = models.map((each, i) => ({ model: each, parameters: { weight: i + 1 } }));
  return { merge_method: "linear", models: weights, parameters: { normalize: false }, ...more };
}

function ties(models: readonly string[], more: Partial<RecipeObject>): RecipeObject {
  const weights = models.map((each, i) => ({ model: each, parameters: { weight: i + 1 } }));
  return { merge_method: "ties", base_model: base, models: weights, ...more };
}

async function made(recipe: RecipeObject, tensor = NORM) {
  const found = await plan(recipe);
  const step = found.steps.find((each) => each.tensor === tensor) as PlanStep;
  return { found, step, used: step?.inputs.map((input) => found.models[input.model]) };
}

describe("on_missing", () => {
  test("skip merges over the models that have the tensor, each with its own weight", async () => {
    const { found, step, used } = await made(
      linear([whole, poor, rich], {
        on_missing: [
          { filter: "norm", value: "skip" },
          { filter: "extra", value: "skip" },
        ],
      }),
    );
    expect(used).toEqual([whole, rich]);
    expect(step.operation).toMatchObject({ op: "linear", inputs: [0, 1], weights: [1, 3] });
    expect(found.steps.find(({ tensor }) => tensor === EXTRA)?.operation).toMatchObject({
      op: "linear",
      weights: [3],
    });
    expect(found.notes).toContain(`${NORM}: on_missing: skip, merged without ${poor}`);
  });

  test("skip is noted once for each cause, with how many tensors there are", async () => {
    const poorer = model("poorer", { [NORM]: null, "model.layers.0.mlp.up_proj.weight": null });
    const { found } = await made(linear([whole, poorer], { on_missing: "skip" }));
    expect(found.notes).toEqual([
      `model.layers.0.mlp.up_proj.weight and 1 more: on_missing: skip, merged without ${poorer}`,
    ]);
  });

  test("skip copies from the first that has what the base lacks", async () => {
    const { step, used } = await made(ties([rich, whole, rich], { on_missing: "skip" }), EXTRA);
    expect(used).toEqual([rich, rich]);
    expect(step.operation).toEqual({ op: "copy", input: 0 });
  });

  test("skip keeps what is left where a method needs two", async () => {
    const recipe: RecipeObject = {
      merge_method: "slerp",
      base_model: whole,
      models: [{ model: whole }, { model: poor }],
      parameters: { t: 0.5 },
      on_missing: "skip",
    };
    const { step, used } = await made(recipe);
    expect(used).toEqual([whole]);
    expect(step.operation).toEqual({ op: "copy", input: 0 });
  });

  test("base takes the base's tensor, whose delta is 0", async () => {
    const { found, step, used } = await made(ties([whole, poor], { on_missing: "base" }));
    expect(used).toEqual([whole, base, base]);
    expect(step.operation).toMatchObject({ op: "task", base: 2, inputs: [0, 1] });
    expect(found.notes).toContain(`${NORM}: on_missing: base, in place of ${poor}`);
  });

  test("base does not help where the base has none either", async () => {
    const error = await refusal(() => plan(ties([rich, whole], { on_missing: "base" })));
    expect(error.problems.every(({ code }) => code === "MISSING_TENSOR")).toBe(true);
    expect(error.problems[0].hint).toContain("base model");
  });

  test("holds for the tensors of its filter only, and says so by default", async () => {
    const recipe = linear([whole, poor], { on_missing: [{ filter: "mlp", value: "skip" }] });
    const error = await refusal(() => plan(recipe));
    expect(error.code).toBe("MISSING_TENSOR");
    expect(error.hint).toContain("on_missing");
  });
});

describe("buffers that not every model stores", () => {
  test.each([
    ["model.layers.0.self_attn.rotary_emb.inv_freq", { dtype: "F32", shape: [4] } as const],
    ["model.layers.0.attn.bias", { dtype: "U8", shape: [1, 1, 4, 4] } as const],
    ["model.layers.0.attn.masked_bias", { dtype: "F32", shape: [] } as const],
    ["model.embeddings.position_ids", { dtype: "I64", shape: [1, 4] } as const],
  ])("%s is dropped, with the reason", async (name, spec) => {
    const odd = model(`odd-${name}`, { [name]: spec });
    const found = await plan(linear([whole, odd], {}));
    expect(found.steps.map(({ tensor }) => tensor)).not.toContain(name);
    expect(found.dropped).toEqual([
      { model: 1, tensor: name, reason: expect.stringContaining("computed on loading") },
    ]);
    const same = await plan(linear([odd, odd], {}));
    expect(same.steps.map(({ tensor }) => tensor)).toContain(name);
  });

  test("are no biases", async () => {
    const odd = model("bias", { "model.layers.0.attn.bias": VECTOR });
    expect((await refusal(() => plan(linear([whole, odd], {})))).code).toBe("MISSING_TENSOR");
  });
});

describe("on_mismatch", () => {
  test("skip leaves out models that differ from the base", async () => {
    const { step, used } = await made(ties([long, whole], { on_mismatch: "skip" }));
    expect(used).toEqual([whole, base]);
    expect(step.shape).toEqual([8]);
    expect(step.operation).toMatchObject({ op: "task", base: 1, inputs: [0], weights: [2] });
  });

  test("base takes the base's tensor", async () => {
    const { used } = await made(ties([long, whole], { on_mismatch: "base" }));
    expect(used).toEqual([base, whole, base]);
  });

  test("cut takes the rows that all have, with a note", async () => {
    const { found, step } = await made(linear([long, whole], { on_mismatch: "cut" }));
    expect(step.shape).toEqual([8]);
    expect(found.notes).toEqual([`${NORM}: shapes differ; cut to the first 8 rows`]);
  });

  test("cut does not shorten other axes", async () => {
    const wide = makeLlama(join(folder, "wide"), { hidden: 12 });
    const error = await refusal(() => plan(linear([whole, wide], { on_mismatch: "cut" })));
    expect(error.problems.every(({ code }) => code === "SHAPE_MISMATCH")).toBe(true);
    expect(error.problems[0].hint).toContain("first axis");
  });

  test("cut needs as many axes", async () => {
    const scalar = model("scalar", { [NORM]: { dtype: "BF16", shape: [] } });
    for (const models of [
      [scalar, whole],
      [whole, scalar],
    ]) {
      const error = await refusal(() => plan(linear(models, { on_mismatch: "cut" })));
      expect(error.code).toBe("SHAPE_MISMATCH");
      expect(error.hint).toContain("first axis");
    }
  });

  test("is an error by default, which names the setting", async () => {
    const error = await refusal(() => plan(linear([long, whole], {})));
    expect(error.code).toBe("SHAPE_MISMATCH");
    expect(error.hint).toContain("on_mismatch");
  });
});

describe("embedding_rows", () => {
  const larger = makeLlama(join(folder, "larger"), { vocab: 20 });

  test("cuts by default, and refuses on demand", async () => {
    expect((await plan(linear([whole, larger], {}))).assets.vocabSize).toBe(16);
    const error = await refusal(() => plan(linear([whole, larger], { embedding_rows: "error" })));
    expect(error.code).toBe("SHAPE_MISMATCH");
    expect(error.problems[0].hint).toContain("embedding_rows: cut");
  });
});

describe("policies are checked", () => {
  test.each([
    ["on_missing", { on_missing: "ignore" }, "WRONG_TYPE", "on_missing"],
    ["on_missing: cut", { on_missing: "cut" }, "WRONG_TYPE", "on_missing"],
    ["a rule", { on_mismatch: [{ filter: "a", value: 1 }] }, "WRONG_TYPE", "on_mismatch[0].value"],
    [
      "a key",
      { on_mismatch: [{ what: "a", value: "skip" }] },
      "UNKNOWN_KEY",
      "on_mismatch[0].what",
    ],
    ["rows", { embedding_rows: "base" }, "WRONG_TYPE", "embedding_rows"],
    ["base", { on_missing: "base" }, "BASE_MODEL", "on_missing"],
  ])("%s", async (_, more, code, path) => {
    const error = await refusal(() => plan(linear([whole], more as Partial<RecipeObject>)));
    expect([error.code, error.place?.path]).toEqual([code, path]);
  });
});
