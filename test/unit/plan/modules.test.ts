import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { merge, plan } from "../../../lib/merge.ts";
import type { ModuleEntry, RecipeObject } from "../../../lib/recipe-object.ts";
import { makeLlama, makeModel, refusal, type TensorSpec, useFolder } from "../../make.ts";

const folder = useFolder("modules");
const a = makeLlama(join(folder, "a"), { layers: 3, seed: 1 });
const b = makeLlama(join(folder, "b"), { layers: 3, seed: 2 });

interface Names {
  text: string;
  vision: string;
  head: string;
  projector: string;
}

const OLDER: Names = {
  text: "language_model.model.",
  vision: "vision_tower.vision_model.encoder.",
  head: "language_model.lm_head.weight",
  projector: "multi_modal_projector.linear.weight",
};

/** A model that sees: three layers of text, two of vision. */
function seeing(name: string, seed: number, names: Names = OLDER): string {
  const weight: TensorSpec = { dtype: "F32", shape: [4], seed };
  const table: TensorSpec = { dtype: "F32", shape: [6, 4], seed };
  const tensors: Record<string, TensorSpec> = {
    [`${names.text}embed_tokens.weight`]: table,
    [`${names.text}norm.weight`]: weight,
    [names.head]: table,
    [names.projector]: weight,
    [`${names.vision}norm.weight`]: weight,
  };
  for (const layer of [0, 1, 2]) tensors[`${names.text}layers.${layer}.w`] = weight;
  for (const layer of [0, 1]) tensors[`${names.vision}layers.${layer}.w`] = weight;
  const config = {
    tie_word_embeddings: false,
    text_config: { num_hidden_layers: 3 },
    vision_config: { num_hidden_layers: 2 },
  };
  return makeModel(join(folder, name), tensors, { config });
}

const x = seeing("x", 1);
const y = seeing("y", 2);

function both(first: number, second: number): ModuleEntry {
  return {
    models: [
      { model: x, parameters: { weight: first } },
      { model: y, parameters: { weight: second } },
    ],
  };
}

function linear(modules: Record<string, ModuleEntry>): RecipeObject {
  return { merge_method: "linear", modules };
}

/** The first weight of every tensor of the output. */
async function weightsOf(recipe: RecipeObject): Promise<Record<string, number>> {
  const { steps } = await plan(recipe);
  return Object.fromEntries(
    steps.map(({ tensor, operation }) => {
      if (operation.op === "linear") return [tensor, operation.weights[0]];
      return [tensor, operation.op === "copy" ? operation.input : Number.NaN];
    }),
  );
}

describe("a single module", () => {
  const models = [a, b].map((model) => ({ model, parameters: { weight: [0.25, 1] } }));
  const sources = [a, b].map((model) => ({ model, layer_range: [1, 3] as const }));
  const CASES: [string, ModuleEntry][] = [
    ["models", { models }],
    ["slices", { slices: [{ sources, parameters: { weight: 1 } }] }],
  ];
  test.each(CASES)("named default is as if there were no modules: %s", async (_, body) => {
    const plain = await plan({ merge_method: "linear", ...body });
    expect(await plan({ merge_method: "linear", modules: { default: body } })).toEqual(plain);
  });

  test("has parameters between its slices and the whole recipe", async () => {
    const slices = [{ sources: [a, b].map((model) => ({ model, layer_range: [0, 1] as const })) }];
    const recipe: RecipeObject = {
      merge_method: "linear",
      modules: { default: { slices, parameters: { weight: [{ filter: "mlp", value: 3 }] } } },
      parameters: { weight: 1, normalize: false },
    };
    const { steps } = await plan(recipe);
    for (const { tensor, operation } of steps) {
      const weight = tensor.includes("mlp") ? 3 : 1;
      expect(operation).toMatchObject({ op: "linear", weights: [weight, weight] });
    }
  });
});

describe("several modules", () => {
  test.each([
    ["language_model", "vision_tower"],
    ["text_decoder", "vision_tower"],
    ["text", "vision"],
    ["language", "vision_model"],
  ])("%s and %s are told apart by the names of tensors", async (text, vision) => {
    const weights = await weightsOf(linear({ [vision]: both(5, 6), [text]: both(1, 2) }));
    const expected = (name: string) => (name.startsWith("vision_tower.") ? 5 : 1);
    expect(Object.keys(weights)).toHaveLength(10);
    for (const [name, weight] of Object.entries(weights)) expect(weight).toBe(expected(name));
  });

  test("below a common word, with a part that has no layers of its own", async () => {
    const names: Names = {
      text: "model.language_model.",
      vision: "model.visual.",
      head: "lm_head.weight",
      projector: "model.visual.merger.mlp.0.weight",
    };
    const [p, q] = [seeing("p", 1, names), seeing("q", 2, names)];
    const of = (first: number): ModuleEntry => ({
      models: [
        { model: p, parameters: { weight: first } },
        { model: q, parameters: { weight: 7 } },
      ],
    });
    const weights = await weightsOf(linear({ vision_tower: of(2), text_decoder: of(3) }));
    for (const [name, weight] of Object.entries(weights)) {
      expect(weight).toBe(name.startsWith("model.visual.") ? 2 : 3);
    }
  });

  test("can name a part without layers", async () => {
    const modules = { default: both(1, 1), multi_modal_projector: both(3, 1) };
    const weights = await weightsOf(linear(modules));
    expect(weights["multi_modal_projector.linear.weight"]).toBe(3);
    expect(weights["language_model.model.norm.weight"]).toBe(1);
  });

  test("leave the rest to a module named default", async () => {
    const weights = await weightsOf(linear({ vision_tower: both(3, 1), default: both(1, 1) }));
    expect(weights["vision_tower.vision_model.encoder.norm.weight"]).toBe(3);
    expect(weights["language_model.model.layers.2.w"]).toBe(1);
    expect(weights["multi_modal_projector.linear.weight"]).toBe(1);
  });

  test("have layers of their own, which config.json states", async () => {
    const out = join(folder, "stacked");
    const slice = (from: number, to: number) => ({
      sources: [{ model: x, layer_range: [from, to] as const }],
    });
    const recipe: RecipeObject = {
      merge_method: "passthrough",
      modules: {
        text_decoder: { slices: [slice(0, 2), slice(1, 3)] },
        vision_tower: { models: [{ model: x }] },
      },
    };
    const { plan: made } = await merge(recipe, { out, sync: false, backend: "reference" });
    expect(made.steps.map(({ tensor }) => tensor)).toContain("language_model.model.layers.3.w");
    expect(made.assets.modules).toEqual([{ module: "language_model", layers: [0, 1, 1, 2] }]);
    const config = JSON.parse(readFileSync(join(out, "config.json"), "utf8"));
    expect(config.text_config.num_hidden_layers).toBe(4);
    expect(config.vision_config.num_hidden_layers).toBe(2);
  });

  test("that the models do not have are refused with those they have", async () => {
    const recipe = linear({ audio_tower: both(1, 1), default: both(1, 1) });
    const error = await refusal(() => plan(recipe));
    expect(error.code).toBe("UNKNOWN_KEY");
    expect(error.hint).toBe("modules found: language_model, vision_tower");
    expect(error.place?.path).toBe("modules.audio_tower");
  });

  test("of no known kind are found by a common piece of their names", async () => {
    const w: TensorSpec = { dtype: "F32", shape: [2] };
    const names = ["protein_tower", "graph_tower", "language_model"];
    const tensors = Object.fromEntries(names.map((name) => [`${name}.layers.0.w`, w]));
    const path = makeModel(join(folder, "towers"), tensors);
    const one = (scale: number): ModuleEntry => {
      return { models: [{ model: path, parameters: { scale } }] };
    };
    const modules = { my_protein_tower_1: one(2), graph: one(3), language: one(4) };
    const { steps } = await plan({ merge_method: "passthrough", modules });
    const scales = steps.map(({ tensor, operation }) => {
      return [tensor.split(".")[0], operation.op === "linear" ? operation.weights[0] : 1];
    });
    expect(Object.fromEntries(scales)).toEqual({
      protein_tower: 2,
      graph_tower: 3,
      language_model: 4,
    });
    const error = await refusal(() => {
      return plan({ merge_method: "passthrough", modules: { tower: one(2), language: one(4) } });
    });
    expect(error.hint).toBe("modules found: protein_tower, graph_tower, language_model");
  });

  test("of one kind are told apart by a common piece, and no other kind is taken", async () => {
    const w: TensorSpec = { dtype: "F32", shape: [2] };
    const names = ["vision_near", "vision_far", "speech_near", "near_text", "plain"];
    const tensors = Object.fromEntries(names.map((name) => [`${name}.layers.0.w`, w]));
    const path = makeModel(join(folder, "eyes"), tensors);
    const one = (scale: number): ModuleEntry => {
      return { models: [{ model: path, parameters: { scale } }] };
    };
    const modules = { my_vision_near: one(2), default: one(1) };
    const { steps } = await plan({ merge_method: "passthrough", modules });
    const scaled = steps.filter(({ operation }) => operation.op === "linear");
    expect(scaled.map(({ tensor }) => tensor)).toEqual(["vision_near.layers.0.w"]);
  });

  test("without one of text leave what has no layers to the first", async () => {
    const w: TensorSpec = { dtype: "F32", shape: [2] };
    const path = makeModel(join(folder, "senses"), {
      "vision_tower.layers.0.w": w,
      "audio_tower.layers.0.w": w,
      projector: w,
    });
    const one = (scale: number): ModuleEntry => {
      return { models: [{ model: path, parameters: { scale } }] };
    };
    const modules = { audio_tower: one(2), vision_tower: one(3) };
    const { steps } = await plan({ merge_method: "passthrough", modules });
    const step = steps.find(({ tensor }) => tensor === "projector");
    expect(step?.operation).toMatchObject({ op: "linear", weights: [2] });
  });

  test("must not leave layers out", async () => {
    const error = await refusal(() => plan(linear({ language_model: both(1, 1) })));
    expect(error.code).toBe("MISSING_KEY");
    expect(error.message).toContain("vision_tower");
  });

  test("must not mean the same", async () => {
    const recipe = linear({ language_model: both(1, 1), text: both(1, 1), vision: both(1, 1) });
    expect((await refusal(() => plan(recipe))).code).toBe("CONFLICTING_KEYS");
  });
});
