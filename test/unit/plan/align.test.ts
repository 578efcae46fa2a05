import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { plan } from "../../../lib/merge.ts";
import type { PlanStep } from "../../../lib/plan/types.ts";
import type { RecipeObject } from "../../../lib/recipe-object.ts";
import { llama, makeLlama, makeModel, refusal, useFolder } from "../../make.ts";

const folder = useFolder("align");
const a = makeLlama(join(folder, "a"));
const tied = makeLlama(join(folder, "tied"), { tied: true, seed: 3 });

function average(...models: string[]): RecipeObject {
  return {
    merge_method: "linear",
    models: models.map((model) => ({ model })),
    parameters: { weight: 1 },
  };
}

async function stepOf(recipe: RecipeObject, tensor: string): Promise<PlanStep> {
  const made = await plan(recipe);
  return made.steps.find((step) => step.tensor === tensor)!;
}

describe("missing tensors", () => {
  test("are told once for each model, with how many more there are and where it is listed", async () => {
    const tensors = llama();
    delete tensors["model.layers.0.mlp.up_proj.weight"];
    delete tensors["model.layers.1.mlp.up_proj.weight"];
    delete tensors["model.norm.weight"];
    const poor = makeModel(join(folder, "poor"), tensors);
    const error = await refusal(() => plan(average(a, poor)));
    expect(error.code).toBe("MISSING_TENSOR");
    expect(error.problems).toHaveLength(1);
    expect(error.message).toContain(`${poor} has no tensor model.layers.0.mlp.up_proj.weight`);
    expect(error.message).toContain("and 2 more like it");
    expect(error.place?.path).toBe("models[1]");
  });

  test("of several models are a problem for each", async () => {
    const models = ["x", "y"].map((name) => {
      const extra = { [`${name}.bias`]: { dtype: "F32", shape: [1] } as const };
      return makeModel(join(folder, `extra-${name}`), { ...llama(), ...extra });
    });
    const error = await refusal(() => plan(average(a, ...models)));
    expect(error.code).toBe("SEVERAL_PROBLEMS");
    expect(error.problems.map(({ code }) => code)).toEqual(Array(3).fill("MISSING_TENSOR"));
    expect(error.problems.map(({ place }) => place?.path)).toEqual([
      "models[0]",
      "models[1]",
      "models[2]",
    ]);
  });
});

describe("a tied output head", () => {
  test("is taken from the embedding where another model has a head of its own", async () => {
    const step = await stepOf(average(a, tied), "lm_head.weight");
    expect(step.inputs.map(({ tensor }) => tensor)).toEqual([
      "lm_head.weight",
      "model.embed_tokens.weight",
    ]);
  });

  test("is not written when no model has one", async () => {
    const made = await plan(average(tied, tied));
    expect(made.steps.map(({ tensor }) => tensor)).not.toContain("lm_head.weight");
  });

  test("is missing when config.json says that the model is not tied", async () => {
    const config = { tie_word_embeddings: false, num_hidden_layers: 2 };
    const broken = makeModel(join(folder, "broken"), llama({ tied: true }), { config });
    const error = await refusal(() => plan(average(a, broken)));
    expect(error.code).toBe("MISSING_TENSOR");
    expect(error.message).toContain("lm_head.weight");
  });
});

describe("shapes", () => {
  test("that differ are told with both of them, once for one cause", async () => {
    const wide = makeLlama(join(folder, "wide"), { hidden: 12 });
    const error = await refusal(() => plan(average(a, wide)));
    expect(error.code).toBe("SEVERAL_PROBLEMS");
    expect(new Set(error.problems.map(({ code }) => code))).toEqual(new Set(["SHAPE_MISMATCH"]));
    const [norm] = error.problems.filter(({ message }) => message.includes("layernorm"));
    expect(norm.message).toBe(
      `model.layers.0.input_layernorm.weight has different shapes: [8] in ${a}, [12] in ${wide}, and 2 more like it`,
    );
  });

  test("of equal count but other axes differ all the same", async () => {
    const turned = makeModel(join(folder, "turned"), {
      ...llama(),
      "model.layers.0.mlp.up_proj.weight": { dtype: "BF16", shape: [8, 16] },
    });
    const error = await refusal(() => plan(average(a, turned)));
    expect(error.code).toBe("SHAPE_MISMATCH");
    expect(error.message).toContain("[16, 8]");
    expect(error.message).toContain("[8, 16]");
  });
});

describe("vocabularies that differ", () => {
  const larger = makeLlama(join(folder, "larger"), { vocab: 20 });

  test("are cut to the fewest rows, with a note for each tensor", async () => {
    const made = await plan(average(larger, a));
    const tables = made.steps.filter(({ shape }) => shape[0] === 16 && shape[1] === 8);
    expect(tables.map(({ tensor }) => tensor)).toContain("lm_head.weight");
    expect(tables.map(({ tensor }) => tensor)).toContain("model.embed_tokens.weight");
    expect(made.notes).toEqual([
      expect.stringMatching(/^model\.embed_tokens\.weight: .*first 16 rows$/),
      expect.stringMatching(/^lm_head\.weight: .*first 16 rows$/),
    ]);
    expect(made.assets.vocabSize).toBe(16);
  });

  test("leave config.json alone where they agree", async () => {
    const made = await plan(average(a, a));
    expect(made.notes).toEqual([]);
    expect(made.assets.vocabSize).toBeNull();
  });

  test("are not cut in other dimensions, nor in other tensors", async () => {
    const narrow = makeModel(join(folder, "narrow"), {
      ...llama(),
      "model.embed_tokens.weight": { dtype: "BF16", shape: [16, 4] },
    });
    expect((await refusal(() => plan(average(a, narrow)))).code).toBe("SHAPE_MISMATCH");
    const tall = makeModel(join(folder, "tall"), {
      ...llama(),
      "model.layers.1.mlp.up_proj.weight": { dtype: "BF16", shape: [20, 8] },
    });
    expect((await refusal(() => plan(average(a, tall)))).code).toBe("SHAPE_MISMATCH");
  });
});
