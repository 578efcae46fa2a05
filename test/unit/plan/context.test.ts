import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ParameterSetting, Parameters } from "../../../lib/config/types.ts";
import type { Model, ModelTensor } from "../../../lib/format/model.ts";
import { plan } from "../../../lib/merge.ts";
import { METHODS } from "../../../lib/methods/index.ts";
import type { Method } from "../../../lib/methods/types.ts";
import type { Aligned } from "../../../lib/plan/align.ts";
import { RecipeContext } from "../../../lib/plan/context.ts";
import type { RecipeObject, Settings } from "../../../lib/recipe-object.ts";
import { makeLlama, refusal, useFolder } from "../../make.ts";

const MODEL: Model = {
  path: "m",
  directory: "m",
  files: [],
  tensors: new Map(),
  metadata: new Map(),
  config: undefined,
};

interface Levels {
  source?: ParameterSetting;
  slice?: ParameterSetting;
  module?: ParameterSetting;
  global?: ParameterSetting;
}

const NAMES = { output: "model.layers.0.mlp.weight", source: "model.layers.5.mlp.weight" };

function only(name: string, setting: ParameterSetting | undefined): Parameters {
  return setting === undefined ? {} : { [name]: setting };
}

/** The context of one tensor of a slice with two sources, with a parameter on some levels. */
function contextOf(method: string, name: string, levels: Levels, t = 0): RecipeContext {
  const source = {
    model: MODEL,
    position: 0,
    parameters: only(name, levels.source),
    place: undefined,
    range: [5, 6] as const,
  };
  const aligned: Aligned = {
    wanted: {
      name: NAMES.output,
      sourceNames: [NAMES.source, NAMES.source],
      slice: {
        sources: [source, source],
        base: 1,
        levels: [only(name, levels.slice), only(name, levels.module)],
      },
      t,
    },
    tensors: [] as ModelTensor[],
    shape: [2, 3],
    count: 6,
    cut: false,
  };
  return new RecipeContext(aligned, METHODS.get(method) as Method, only(name, levels.global), {
    seed: 0n,
    random: "philox",
  });
}

describe("precedence of a parameter of each model", () => {
  test.each<[Levels, number]>([
    [{ source: 1, slice: 2, module: 3, global: 4 }, 1],
    [{ slice: 2, module: 3, global: 4 }, 2],
    [{ module: 3, global: 4 }, 3],
    [{ global: 4 }, 4],
    [{ source: 0, global: 4 }, 0],
    [{}, 1],
  ])("%j gives %f", (levels, value) => {
    expect(contextOf("ties", "density", levels).numberOf("density", 0)).toBe(value);
  });

  test("a level whose filters do not fit passes the question on", () => {
    const levels: Levels = {
      source: [{ filter: "attn", value: 1 }],
      slice: [{ filter: "norm", value: 2 }],
      global: [{ filter: "mlp", value: 3 }],
    };
    expect(contextOf("ties", "weight", levels).numberOf("weight", 0)).toBe(3);
  });
});

describe("precedence of a parameter of the merge", () => {
  test.each<[Levels, number]>([
    [{ slice: 0.2, module: 0.3, global: 0.4 }, 0.2],
    [{ module: 0.3, global: 0.4 }, 0.3],
    [{ global: 0.4 }, 0.4],
    [{ source: 0.1, global: 0.4 }, 0.4],
  ])("%j gives %f", (levels, value) => {
    expect(contextOf("slerp", "t", levels).number("t")).toBe(value);
  });
});

describe("filters", () => {
  test("of a model's parameter match the name in that model", () => {
    const global: ParameterSetting = [{ filter: "layers.5.", value: 7 }, { value: 1 }];
    expect(contextOf("ties", "weight", { global }).numberOf("weight", 0)).toBe(7);
  });

  test("of the merge's parameter match the name in the output", () => {
    const global: ParameterSetting = [{ filter: "layers.0.", value: 0.5 }, { value: 0 }];
    expect(contextOf("slerp", "t", { global }).number("t")).toBe(0.5);
  });

  test("may lead to a gradient", () => {
    const global: ParameterSetting = [{ filter: "mlp", value: [0, 1, 0] }, { value: 9 }];
    expect(contextOf("slerp", "t", { global }, 0.25).number("t")).toBe(0.5);
    expect(contextOf("slerp", "t", { global }, 1).number("t")).toBe(0);
  });
});

describe("what has no value", () => {
  test("an optional parameter is undefined", () => {
    expect(contextOf("passthrough", "scale", {}).numberOf("scale", 0)).toBeUndefined();
  });

  test("a required one is an error that names the tensor", async () => {
    const error = await refusal(() => contextOf("linear", "weight", {}).numberOf("weight", 0));
    expect(error.code).toBe("MISSING_PARAMETER");
    expect(error.message).toContain(NAMES.source);
  });

  test("flags are their defaults", () => {
    expect(contextOf("ties", "normalize", {}).flag("normalize")).toBe(true);
    expect(contextOf("ties", "normalize", { global: 0 }).flag("normalize")).toBe(false);
    expect(contextOf("dare_ties", "normalize", {}).flag("normalize")).toBe(false);
  });
});

describe("the base", () => {
  test.each([
    { method: "linear", base: undefined, others: [0, 1] },
    { method: "slerp", base: 1, others: [0, 1] },
    { method: "ties", base: 1, others: [0] },
    { method: "passthrough", base: undefined, others: [0, 1] },
  ])("of $method is $base beside $others", ({ method, base, others }) => {
    const context = contextOf(method, "weight", {});
    expect(context.base).toBe(base);
    expect(context.others).toEqual(others);
  });
});

describe("in a recipe", () => {
  const folder = useFolder("context");
  const a = makeLlama(join(folder, "a"), { layers: 3, seed: 1 });
  const b = makeLlama(join(folder, "b"), { layers: 3, seed: 2 });

  async function weightsOf(parameters: Settings, tensor: string): Promise<readonly number[]> {
    const recipe: RecipeObject = {
      merge_method: "linear",
      models: [{ model: a, parameters }, { model: b }],
      parameters: { weight: 4, normalize: false },
    };
    const { steps } = await plan(recipe);
    const operation = steps.find((step) => step.tensor === tensor)!.operation;
    return operation.op === "linear" ? operation.weights : [];
  }

  test.each<[Settings, string, number]>([
    [{ weight: [{ filter: "mlp", value: 2 }, { value: 3 }] }, "model.layers.1.mlp.up_proj.weight", 2],
    [{ weight: [{ filter: "mlp", value: 2 }, { value: 3 }] }, "model.norm.weight", 3],
    [{ weight: [{ filter: "mlp", value: 2 }] }, "model.norm.weight", 4],
    [{ weight: [{ filter: "*", value: 2 }] }, "model.norm.weight", 2],
    [{ weight: [{ filter: "mlp", value: [1, 2] }] }, "model.layers.1.mlp.up_proj.weight", 1.5],
    [{ weight: [{ filter: "MLP", value: 2 }] }, "model.layers.1.mlp.up_proj.weight", 4],
    [{ weight: [{ filter: "m.p", value: 2 }] }, "model.layers.1.mlp.up_proj.weight", 4],
    [{ weight: true }, "model.norm.weight", 1],
  ])("%j is %s → %f", async (parameters, tensor, weight) => {
    expect(await weightsOf(parameters, tensor)).toEqual([weight, 4]);
  });

  test("the same model listed twice has parameters of its own each time", async () => {
    const models = [1, 2].map((weight) => ({ model: a, parameters: { weight } }));
    const parameters = { normalize: false };
    const made = await plan({ merge_method: "linear", models, parameters });
    expect(made.steps[0].operation).toMatchObject({ weights: [1, 2], inputs: [0, 1] });
    expect(made.models).toEqual([a, a]);
  });
});
