import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DTYPES, type Dtype } from "../../../lib/format/dtype.ts";
import { plan } from "../../../lib/merge.ts";
import type { Operation, PlanStep } from "../../../lib/plan/types.ts";
import type {
  MethodName,
  OutputDtype,
  RecipeObject,
  Settings,
} from "../../../lib/recipe-object.ts";
import { makeModel, refusal, useFolder } from "../../make.ts";

const folder = useFolder("dtypes");
const ALL = Object.keys(DTYPES) as Dtype[];

function modelOf(dtype: Dtype, seed = 1): string {
  return makeModel(join(folder, `${dtype}-${seed}`), { w: { dtype, shape: [4, 8], seed } });
}

const ONE: Settings = { weight: 1 };

function average(a: string, b: string, more: Partial<RecipeObject> = {}): RecipeObject {
  return { merge_method: "linear", models: [{ model: a }, { model: b }], parameters: ONE, ...more };
}

async function stepOf(recipe: RecipeObject): Promise<PlanStep> {
  const { steps } = await plan(recipe);
  expect(steps).toHaveLength(1);
  return steps[0];
}

describe("the output's dtype", () => {
  const NAMES: [OutputDtype | undefined, OutputDtype | undefined, Dtype][] = [
    [undefined, undefined, "F16"],
    ["float32", undefined, "F32"],
    [undefined, "bfloat16", "BF16"],
    ["float32", "bfloat16", "BF16"],
    ["float16", "float32", "F32"],
  ];
  test.each(NAMES)("dtype %s, out_dtype %s: %s", async (dtype, out, found) => {
    const recipe = average(modelOf("F16"), modelOf("F16", 2), {
      ...(dtype === undefined ? {} : { dtype }),
      ...(out === undefined ? {} : { out_dtype: out }),
    });
    expect((await stepOf(recipe)).dtype).toBe(found);
    expect((await plan(recipe)).assets.dtype).toBe(found);
  });

  test("is the first model's where there is no base and none is asked for", async () => {
    expect((await stepOf(average(modelOf("F32"), modelOf("BF16")))).dtype).toBe("F32");
    expect((await stepOf(average(modelOf("BF16"), modelOf("F32")))).dtype).toBe("BF16");
  });

  test("is the base's where a base takes part", async () => {
    const models = [{ model: modelOf("F32") }, { model: modelOf("F16") }];
    const base = modelOf("BF16");
    const step = await stepOf({
      merge_method: "task_arithmetic",
      base_model: base,
      models,
      parameters: ONE,
    });
    expect(step.dtype).toBe("BF16");
  });

  test("is left open in config.json where the output has several", async () => {
    const two = makeModel(join(folder, "two"), {
      a: { dtype: "F32", shape: [2] },
      b: { dtype: "BF16", shape: [2] },
    });
    expect((await plan(average(two, two))).assets.dtype).toBeNull();
  });
});

describe("a copy", () => {
  const COPIES: [MethodName, Settings[], Settings][] = [
    ["linear", [{ weight: 1 }, { weight: 0 }], {}],
    ["linear", [{ weight: 1 }, { weight: 0 }], { normalize: false }],
    ["linear", [{ weight: 3 }, { weight: 0 }], {}],
    ["slerp", [{}, {}], { t: 0 }],
    ["ties", [{}, { weight: 0 }], {}],
    ["dare_linear", [{}, { weight: 1 }], { lambda: 0 }],
  ];
  function recipe([method, parameters, global]: (typeof COPIES)[number]): RecipeObject {
    const [a, b] = [modelOf("BF16"), modelOf("BF16", 2)];
    const models = [
      { model: a, parameters: parameters[0] },
      { model: b, parameters: parameters[1] },
    ];
    return { merge_method: method, base_model: a, models, parameters: global };
  }

  test.each(COPIES)("of the first model is what %s %j %j comes to", async (...each) => {
    expect((await stepOf(recipe(each))).operation).toEqual({ op: "copy", input: 0 });
  });

  test.each(COPIES)("into another dtype is none: %s %j %j", async (...each) => {
    const { operation } = await stepOf({ ...recipe(each), dtype: "float32" });
    const expected: Operation = {
      op: "linear",
      inputs: [0],
      weights: [1],
      divisor: null,
      mean: false,
    };
    expect(operation).toEqual(expected);
  });

  test.each([
    { weights: [0, 1], normalize: true, op: { op: "copy", input: 1 } },
    { weights: [0, 2], normalize: false, op: { op: "linear", inputs: [1], weights: [2] } },
    { weights: [0, 0], normalize: false, op: { op: "linear", inputs: [0], weights: [0] } },
    { weights: [0.5, 0.5], normalize: true, op: { op: "linear", divisor: null, mean: true } },
    { weights: [1, 1], normalize: true, op: { op: "linear", divisor: 2, mean: true } },
  ])("of linear: weights $weights, normalize $normalize", async ({ weights, normalize, op }) => {
    const models = [modelOf("BF16"), modelOf("BF16", 2)].map((model, i) => {
      return { model, parameters: { weight: weights[i] } };
    });
    const step = await stepOf({ merge_method: "linear", models, parameters: { normalize } });
    expect(step.operation).toMatchObject(op);
  });
});

describe("passthrough", () => {
  test.each(ALL)("copies %s as it is, whatever dtype is asked for", async (dtype) => {
    const model = modelOf(dtype);
    const plain = await stepOf({ merge_method: "passthrough", models: [{ model }] });
    expect(plain).toMatchObject({ dtype, operation: { op: "copy", input: 0 } });
  });

  test("with a scale multiplies", async () => {
    const models = [{ model: modelOf("BF16"), parameters: { scale: 0.5 } }];
    const { operation } = await stepOf({ merge_method: "passthrough", models });
    expect(operation).toMatchObject({ op: "linear", inputs: [0], weights: [0.5] });
  });

  test("with a scale of 1 copies", async () => {
    const models = [{ model: modelOf("BF16"), parameters: { scale: 1 } }];
    const { operation } = await stepOf({ merge_method: "passthrough", models });
    expect(operation).toEqual({ op: "copy", input: 0 });
  });
});

describe("tensors that are not floats", () => {
  const INTEGERS = ALL.filter((dtype) => DTYPES[dtype].kind === "integer");
  const OPAQUE = ALL.filter((dtype) => DTYPES[dtype].kind === "opaque");

  test.each(INTEGERS)("%s must be the same in all models, and keeps its dtype", async (dtype) => {
    const step = await stepOf(average(modelOf(dtype), modelOf(dtype, 2), { dtype: "float32" }));
    expect(step).toMatchObject({ dtype, operation: { op: "same" } });
  });

  test.each(OPAQUE)("%s is refused, with what can be merged", async (dtype) => {
    const error = await refusal(() => plan(average(modelOf(dtype), modelOf(dtype, 2))));
    expect(error.code).toBe("DTYPE_UNSUPPORTED");
    expect(error.message).toContain(`w is ${dtype}`);
    expect(error.message).toContain("F32, F16, BF16");
  });

  test.each<[Dtype, Dtype]>([
    ["I32", "I64"],
    ["F32", "I32"],
    ["U8", "BOOL"],
  ])("%s and %s are refused together", async (first, second) => {
    const error = await refusal(() => plan(average(modelOf(first), modelOf(second))));
    expect(error.code).toBe("DTYPE_UNSUPPORTED");
    expect(error.message).toContain(`${first} and ${second}`);
  });
});

test("a tensor without elements is a copy by every method", async () => {
  const empty = makeModel(join(folder, "empty"), { w: { dtype: "F32", shape: [0, 4] } });
  const recipe: RecipeObject = {
    merge_method: "ties",
    base_model: empty,
    models: [{ model: empty }, { model: empty, parameters: { weight: 1, density: 0.5 } }],
  };
  expect((await stepOf(recipe)).operation).toEqual({ op: "copy", input: 0 });
});
