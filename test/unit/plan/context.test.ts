import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { plan } from "../../../lib/merge.ts";
import type { Operation } from "../../../lib/plan/types.ts";
import type { RecipeObject, Setting, Settings } from "../../../lib/recipe-object.ts";
import { makeLlama, refusal, useFolder } from "../../make.ts";

const folder = useFolder("context");
const a = makeLlama(join(folder, "a"), { layers: 3, seed: 1 });
const b = makeLlama(join(folder, "b"), { layers: 3, seed: 2 });
const base = makeLlama(join(folder, "base"), { layers: 3, seed: 3 });
const MLP = "model.layers.1.mlp.up_proj.weight";
const NORM = "model.norm.weight";

/** Where a parameter is given: at a source, at its slice, at the module, at the top. */
interface Levels {
  source?: Setting;
  slice?: Setting;
  module?: Setting;
  global?: Setting;
}

function only(name: string, setting: Setting | undefined, more: Settings = {}): Settings {
  return setting === undefined ? more : { [name]: setting, ...more };
}

/** A linear merge of slices of two models; the second has the weight 8. */
function sliced(
  { source, slice, module, global }: Levels,
  range: [number, number] = [0, 3],
): RecipeObject {
  const sources = [
    { model: a, layer_range: range, parameters: only("weight", source) },
    { model: b, layer_range: range, parameters: { weight: 8 } },
  ];
  const slices = [{ sources, parameters: only("weight", slice) }];
  const recipe = { parameters: only("weight", global, { normalize: false }) };
  if (module === undefined) return { merge_method: "linear", slices, ...recipe };
  const modules = { default: { slices, parameters: only("weight", module) } };
  return { merge_method: "linear", modules, ...recipe } as RecipeObject;
}

async function operationOf(recipe: RecipeObject, tensor: string): Promise<Operation> {
  const { steps } = await plan(recipe);
  return steps.find((step) => step.tensor === tensor)!.operation;
}

/** Weight of the first model in a tensor. */
async function firstWeight(recipe: RecipeObject, tensor: string): Promise<number> {
  const operation = await operationOf(recipe, tensor);
  if (operation.op !== "linear") throw new Error(`${tensor} is ${operation.op}`);
  return operation.weights[0];
}

describe("precedence of a parameter of each model", () => {
  test.each<[Levels, number]>([
    [{ source: 1, slice: 2, module: 3, global: 4 }, 1],
    [{ slice: 2, module: 3, global: 4 }, 2],
    [{ module: 3, global: 4 }, 3],
    [{ source: 1, slice: 2, global: 4 }, 1],
    [{ slice: 2, global: 4 }, 2],
    [{ global: 4 }, 4],
  ])("%j gives %f", async (levels, value) => {
    expect(await firstWeight(sliced(levels), MLP)).toBe(value);
    expect(await firstWeight(sliced(levels), NORM)).toBe(value);
  });

  test("a level whose filters do not fit passes the question on", async () => {
    const levels: Levels = {
      source: [{ filter: "attn", value: 1 }],
      slice: [{ filter: "norm", value: 2 }],
      global: [{ filter: "mlp", value: 3 }, { value: 5 }],
    };
    expect(await firstWeight(sliced(levels), MLP)).toBe(3);
    expect(await firstWeight(sliced(levels), NORM)).toBe(2);
    expect(await firstWeight(sliced(levels), "model.layers.1.self_attn.q_proj.weight")).toBe(1);
    expect(await firstWeight(sliced(levels), "lm_head.weight")).toBe(5);
  });
});

describe("precedence of a parameter of the merge", () => {
  /** A dare_linear merge in which lambda is given on some levels. */
  async function lambdaOf({ source, slice, global }: Levels): Promise<number> {
    const range = [0, 3] as const;
    const sources = [
      { model: base, layer_range: range },
      { model: a, layer_range: range, parameters: only("lambda", source, { weight: 1 }) },
    ];
    const operation = await operationOf(
      {
        merge_method: "task_arithmetic",
        base_model: base,
        slices: [{ sources, parameters: only("lambda", slice) }],
        parameters: only("lambda", global),
      },
      MLP,
    );
    return operation.op === "task" ? operation.lambda : Number.NaN;
  }

  test.each<[Levels, number]>([
    [{ slice: 0.25, global: 0.5 }, 0.25],
    [{ global: 0.5 }, 0.5],
    [{ source: 0.75, global: 0.5 }, 0.5],
    [{ source: 0.75 }, 1],
    [{}, 1],
  ])("%j gives %f", async (levels, value) => expect(await lambdaOf(levels)).toBe(value));
});

describe("filters", () => {
  const layer = [{ filter: "layers.2.", value: 7 }, { value: 1 }];

  test("of a model's parameter match the name in that model, which slices renumber", async () => {
    const recipe = sliced({ source: layer }, [1, 3]);
    expect(await firstWeight(recipe, MLP)).toBe(7);
    expect(await firstWeight(recipe, "model.layers.0.mlp.up_proj.weight")).toBe(1);
  });

  test("of the merge's parameter match the name in the output", async () => {
    const range = [1, 3] as const;
    const sources = [a, b].map((model) => ({ model, layer_range: range }));
    const t = [{ filter: "layers.1.", value: 1 }, { value: 0 }];
    const recipe: RecipeObject = {
      merge_method: "slerp",
      base_model: a,
      slices: [{ sources }],
      parameters: { t },
    };
    expect(await operationOf(recipe, MLP)).toEqual({ op: "copy", input: 1 });
    const other = await operationOf(recipe, "model.layers.0.mlp.up_proj.weight");
    expect(other).toEqual({ op: "copy", input: 0 });
  });

  test.each<[Setting, string, number]>([
    [[{ filter: "mlp", value: 2 }, { value: 3 }], MLP, 2],
    [[{ filter: "mlp", value: 2 }, { value: 3 }], NORM, 3],
    [[{ filter: "mlp", value: 2 }], NORM, 4],
    [[{ filter: "*", value: 2 }], NORM, 2],
    [[{ value: 2 }, { filter: "norm", value: 3 }], NORM, 2],
    [[{ filter: "mlp", value: [1, 2] }], MLP, 1.5],
    [[{ filter: "MLP", value: 2 }], MLP, 4],
    [[{ filter: "m.p", value: 2 }], MLP, 4],
    [true, NORM, 1],
    [0.1, NORM, Math.fround(0.1)],
  ])("%j of %s is %f", async (source, tensor, weight) => {
    expect(await firstWeight(sliced({ source, global: 4 }), tensor)).toBe(weight);
  });
});

test("the same model listed twice has parameters of its own each time", async () => {
  const models = [1, 2].map((weight) => ({ model: a, parameters: { weight } }));
  const parameters = { normalize: false };
  const made = await plan({ merge_method: "linear", models, parameters });
  expect(made.steps[0].operation).toMatchObject({ weights: [1, 2], inputs: [0, 1] });
  expect(made.models).toEqual([a, a]);
});

test("a required parameter without a value is an error that names the tensor", async () => {
  const models = [{ model: a, parameters: { weight: [{ filter: "mlp", value: 1 }] } }];
  const error = await refusal(() => plan({ merge_method: "linear", models }));
  expect(error.code).toBe("MISSING_PARAMETER");
  expect(error.message).toContain("parameter weight has no value for ");
});

describe("the base model", () => {
  const others = [{ model: a }, { model: b }];

  test.each(["task_arithmetic", "ties", "dare_linear", "dare_ties"] as const)(
    "of %s joins at the end when it is not listed",
    async (merge_method) => {
      const recipe = { merge_method, base_model: base, models: others, parameters: { weight: 1 } };
      const made = await plan(recipe);
      expect(made.models).toEqual([a, b, base]);
      expect(made.steps[0].operation).toMatchObject({ base: 2, inputs: [0, 1] });
    },
  );

  test("that is listed is where it is listed, and no model beside itself", async () => {
    const models = [{ model: a }, { model: base }, { model: b }];
    const parameters = { weight: 1 };
    const made = await plan({ merge_method: "ties", base_model: base, models, parameters });
    expect(made.models).toEqual([a, base, b]);
    expect(made.steps[0].operation).toMatchObject({ base: 1, inputs: [0, 2] });
  });

  test("listed twice is the base once, and then a model like others", async () => {
    const models = [{ model: base }, { model: base }, { model: a }];
    const parameters = { weight: 1 };
    const made = await plan({ merge_method: "ties", base_model: base, models, parameters });
    expect(made.steps[0].operation).toMatchObject({ base: 0, inputs: [1, 2] });
  });

  test.each(["linear", "passthrough"] as const)("is ignored by %s", async (merge_method) => {
    const models = merge_method === "linear" ? others : [{ model: a }];
    const parameters = merge_method === "linear" ? { weight: 1 } : {};
    const made = await plan({ merge_method, base_model: base, models, parameters });
    expect(made.models).not.toContain(base);
    expect(made.assets.donor).toBe(base);
  });

  test("of slerp is where t = 0 leads, whatever the order", async () => {
    const recipe = { merge_method: "slerp", models: others, parameters: { t: 0 } } as const;
    const operations = await Promise.all(
      [a, b].map((base_model) => operationOf({ ...recipe, base_model }, NORM)),
    );
    expect(operations).toEqual([
      { op: "copy", input: 0 },
      { op: "copy", input: 1 },
    ]);
  });

  test("of a slice takes the place of the recipe's", async () => {
    const slices = [a, b].map((base_model) => ({
      base_model,
      sources: [a, b].map((model) => ({ model, layer_range: [0, 1] as const })),
    }));
    const parameters = { weight: 1 };
    const made = await plan({ merge_method: "ties", base_model: a, slices, parameters });
    const bases = [0, 1].map((layer) => {
      const step = made.steps.find(({ tensor }) => tensor.startsWith(`model.layers.${layer}.mlp`))!;
      return step.operation.op === "task" ? step.operation.base : -1;
    });
    expect(bases).toEqual([0, 1]);
  });
});
