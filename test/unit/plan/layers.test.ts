import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { plan } from "../../../lib/merge.ts";
import type { Plan } from "../../../lib/plan/types.ts";
import type { RecipeObject, Settings, SliceEntry } from "../../../lib/recipe-object.ts";
import { makeLlama, makeModel, refusal, type TensorSpec, useFolder } from "../../make.ts";

const folder = useFolder("layers");
const a = makeLlama(join(folder, "a"), { layers: 4, seed: 1 });
const b = makeLlama(join(folder, "b"), { layers: 4, seed: 2 });

/** A slice of these models with the same layers of each. */
function slice(
  models: readonly string[],
  range: [number, number],
  parameters?: Settings,
): SliceEntry {
  const sources = models.map((model) => ({ model, layer_range: range }));
  return { sources, ...(parameters === undefined ? {} : { parameters }) };
}

function stack(...slices: SliceEntry[]): RecipeObject {
  return { merge_method: "passthrough", slices };
}

/** Where each output tensor comes from, as `path/name`. */
function origins(made: Plan): Map<string, string[]> {
  return new Map(
    made.steps.map(({ tensor, inputs }) => {
      return [tensor, inputs.map((input) => `${made.models[input.model]}:${input.tensor}`)];
    }),
  );
}

/** The weight of the second model in each tensor of a linear merge without normalize. */
async function secondWeights(recipe: RecipeObject): Promise<Map<string, number>> {
  const made = await plan({ dtype: "float32", ...recipe });
  return new Map(
    made.steps.map(({ tensor, operation }) => {
      if (operation.op !== "linear") throw new Error(`${tensor} is ${operation.op}`);
      return [tensor, operation.weights[1]];
    }),
  );
}

function linear(slices: SliceEntry[]): RecipeObject {
  return { merge_method: "linear", slices, parameters: { normalize: false } };
}

/** First model 1, second model by a gradient from 1 to 2. */
function gradient(range: [number, number]): SliceEntry {
  return {
    sources: [
      { model: a, layer_range: range, parameters: { weight: 1 } },
      { model: b, layer_range: range, parameters: { weight: [1, 2] } },
    ],
  };
}

const SUFFIX = "mlp.up_proj.weight";

test("series of other names are missing in each of the models", async () => {
  const w = { dtype: "F32", shape: [2] } as const;
  const [p, q] = ["h.", "layers."].map((series) => {
    return makeModel(join(folder, `series-${series}`), {
      [`${series}0.w`]: w,
      [`${series}1.w`]: w,
    });
  });
  const models = [p, q].map((model) => ({ model, parameters: { weight: 1 } }));
  const error = await refusal(() => plan({ merge_method: "linear", models }));
  expect(error.problems.map(({ code, message }) => [code, message])).toEqual([
    ["MISSING_TENSOR", `${p} has no tensor layers.0.w, which the output needs, and 1 more like it`],
    ["MISSING_TENSOR", `${q} has no tensor h.0.w, which the output needs, and 1 more like it`],
  ]);
});

describe("slices", () => {
  test("layers are renumbered from 0 through all slices, and a layer may come twice", async () => {
    const made = await plan(stack(slice([a], [1, 3]), slice([b], [0, 1]), slice([a], [1, 2])));
    const from = origins(made);
    const layers = [0, 1, 2, 3].map((n) => from.get(`model.layers.${n}.${SUFFIX}`)![0]);
    expect(layers).toEqual([
      `${a}:model.layers.1.${SUFFIX}`,
      `${a}:model.layers.2.${SUFFIX}`,
      `${b}:model.layers.0.${SUFFIX}`,
      `${a}:model.layers.1.${SUFFIX}`,
    ]);
    expect(made.steps).toHaveLength(4 * 3 + 3);
    expect(made.assets.layers).toEqual([1, 2, 0, 1]);
  });

  test("a slice of several sources may take other layers of each", async () => {
    const sources = [
      { model: a, layer_range: [0, 2] as const },
      { model: b, layer_range: [2, 4] as const },
    ];
    const recipe: RecipeObject = { merge_method: "linear", slices: [{ sources }] };
    const made = await plan({ ...recipe, parameters: { weight: 1 } });
    expect(origins(made).get(`model.layers.1.${SUFFIX}`)).toEqual([
      `${a}:model.layers.1.${SUFFIX}`,
      `${b}:model.layers.3.${SUFFIX}`,
    ]);
  });

  test("embeddings come from the first slice, norm and head from the last", async () => {
    const from = origins(await plan(stack(slice([a], [0, 2]), slice([b], [2, 4]))));
    expect(from.get("model.embed_tokens.weight")).toEqual([`${a}:model.embed_tokens.weight`]);
    expect(from.get("model.norm.weight")).toEqual([`${b}:model.norm.weight`]);
    expect(from.get("lm_head.weight")).toEqual([`${b}:lm_head.weight`]);
  });

  test("the last slice's own sources make norm and head, however many the first has", async () => {
    const recipe = linear([slice([a], [0, 2]), slice([a, b], [2, 4])]);
    const made = await plan({ ...recipe, parameters: { weight: 1, normalize: true } });
    expect(origins(made).get("lm_head.weight")).toHaveLength(2);
    expect(origins(made).get("model.embed_tokens.weight")).toHaveLength(1);
  });

  test("tensors that no slice takes are dropped, with their reason", async () => {
    const made = await plan(stack(slice([a], [0, 1]), slice([b], [3, 4])));
    const dropped = made.dropped.map(({ model, tensor }) => `${made.models[model]}:${tensor}`);
    expect(dropped).toContain(`${a}:model.norm.weight`);
    expect(dropped).toContain(`${b}:model.embed_tokens.weight`);
    expect(dropped).toContain(`${a}:model.layers.1.${SUFFIX}`);
    expect(dropped).toHaveLength(2 * 15 - made.steps.length);
    expect(new Set(made.dropped.map(({ reason }) => reason))).toEqual(
      new Set(["outside the slices"]),
    );
  });

  test("every input tensor is either used or dropped, never both", async () => {
    const made = await plan(stack(slice([a], [0, 3]), slice([b], [1, 2]), slice([a], [2, 4])));
    const used = made.steps.flatMap(({ inputs }) => inputs.map((i) => `${i.model} ${i.tensor}`));
    const dropped = made.dropped.map(({ model, tensor }) => `${model} ${tensor}`);
    expect(new Set([...used, ...dropped]).size).toBe(2 * 15);
    expect(dropped.filter((name) => used.includes(name))).toEqual([]);
  });

  test.each([
    { range: [2, 5] as [number, number], code: "LAYER_RANGE" },
    { range: [9, 10] as [number, number], code: "LAYER_RANGE" },
  ])("layers $range of a model of 4 are refused", async ({ range, code }) => {
    const error = await refusal(() => plan(stack(slice([a], range))));
    expect(error.code).toBe(code);
    expect(error.message).toContain("layers 0 to 3");
    expect(error.hint).toContain("[0, 4]");
    expect(error.place?.path).toBe("slices[0].sources[0]");
  });

  test("models with two series of layers cannot be sliced", async () => {
    const weight: TensorSpec = { dtype: "F32", shape: [2] };
    const both = makeModel(join(folder, "both"), {
      "encoder.layers.0.w": weight,
      "decoder.layers.0.w": weight,
    });
    const error = await refusal(() => plan(stack(slice([both], [0, 1]))));
    expect(error.code).toBe("UNSUPPORTED");
    expect(error.message).toContain("encoder.layers.N, decoder.layers.N");
    expect(
      (await plan({ merge_method: "passthrough", models: [{ model: both }] })).steps,
    ).toHaveLength(2);
  });
});

describe("whole models", () => {
  test("must have the same number of layers", async () => {
    const short = makeLlama(join(folder, "short"), { layers: 3 });
    const models = [a, short].map((model) => ({ model, parameters: { weight: 1 } }));
    const error = await refusal(() => plan({ merge_method: "linear", models }));
    expect(error.code).toBe("LAYER_RANGE");
    expect(error.problems[0].message).toBe(`${a} has 4 layers, ${short} has 3`);
    expect(error.hint).toContain("slices");
    expect(error.place?.path).toBe("models[1]");
  });

  test("keep their layer numbers, and config.json its list of layers", async () => {
    const made = await plan({ merge_method: "passthrough", models: [{ model: a }] });
    expect(made.steps.map(({ tensor }) => tensor)).toContain(`model.layers.3.${SUFFIX}`);
    expect(made.steps.every(({ tensor, inputs }) => inputs[0].tensor === tensor)).toBe(true);
    expect(made.assets.layers).toBeNull();
    expect(made.dropped).toEqual([]);
  });
});

describe("gradients", () => {
  test("run from the first layer of a slice to its last", async () => {
    const weights = await secondWeights(linear([gradient([0, 4])]));
    const layers = [0, 1, 2, 3].map((n) => weights.get(`model.layers.${n}.${SUFFIX}`));
    expect(layers).toEqual([1, Math.fround(4 / 3), Math.fround(5 / 3), 2]);
  });

  test("restart with every slice", async () => {
    const weights = await secondWeights(linear([gradient([0, 2]), gradient([1, 4])]));
    const layers = [0, 1, 2, 3, 4].map((n) => weights.get(`model.layers.${n}.${SUFFIX}`));
    expect(layers).toEqual([1, 2, 1, 1.5, 2]);
  });

  test("end at their last value in a slice of a single layer", async () => {
    const weights = await secondWeights(linear([gradient([1, 2])]));
    expect(weights.get(`model.layers.0.${SUFFIX}`)).toBe(2);
  });

  test.each(["model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"])(
    "have their first value for %s",
    async (name) => {
      const weights = await secondWeights(linear([gradient([0, 1]), gradient([2, 4])]));
      expect(weights.get(name)).toBe(1);
    },
  );

  test("run over the layers of whole models", async () => {
    const weights = await secondWeights({
      merge_method: "linear",
      models: [
        { model: a, parameters: { weight: 1 } },
        { model: b, parameters: { weight: [3, 0.5, 3] } },
      ],
      parameters: { normalize: false },
    });
    const layers = [0, 1, 2, 3].map((n) => weights.get(`model.layers.${n}.${SUFFIX}`));
    const third = Math.fround((1 - 2 / 3) * 3 + (2 / 3) * 0.5);
    expect(layers).toEqual([3, third, expect.closeTo(third, 6), 3]);
  });
});
