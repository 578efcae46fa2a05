import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { defineMethod, type MergeError, merge, openModel, plan } from "../../lib/index.ts";

const folder = mkdtempSync(join(tmpdir(), "weightloom-custom-"));
afterAll(() => rmSync(folder, { recursive: true }));

const model = (name: string) => ({ model: `examples/models/${name}` });

/** Takes the element of largest magnitude, times a factor, wherever it is larger than a floor. */
const loudest = defineMethod({
  name: "loudest",
  parameters: [
    { name: "floor", scope: "global", type: "number", default: 0, min: 0, about: "Smallest kept." },
    { name: "gain", scope: "model", type: "number", default: 1, about: "Factor on the model." },
  ],
  combine({ inputs, out, parameters, modelParameters }) {
    for (let i = 0; i < out.length; i++) {
      let best = 0;
      inputs.forEach((input, m) => {
        const x = input[i] * modelParameters.gain[m];
        if (Math.abs(x) > Math.abs(best)) best = x;
      });
      out[i] = Math.abs(best) > parameters.floor ? best : 0;
    }
  },
});

const recipe = {
  merge_method: "loudest",
  models: [model("sort"), { ...model("add"), parameters: { gain: [0.5, 1] } }],
  parameters: { floor: 0.01 },
};

describe("a method defined in TypeScript", () => {
  test("merges a model, tile by tile, with resolved parameters", async () => {
    const out = join(folder, "loudest");
    const result = await merge(recipe, { out, methods: [loudest] });
    expect(result.backend).toBe("reference");
    const name = "model.layers.0.mlp.up_proj.weight";
    const [a, b, got] = ["examples/models/sort", "examples/models/add", out].map((path) =>
      openModel(path).read(name),
    );
    for (let i = 0; i < got.length; i++) {
      const halved = b[i] * 0.5;
      const best = Math.abs(halved) > Math.abs(a[i]) ? halved : a[i];
      expect(got[i]).toBe(Math.abs(best) > 0.01 ? best : 0);
    }
  });

  test("is planned and checked like any other", async () => {
    const made = await plan(recipe, { methods: [loudest] });
    expect(made.steps.every(({ operation }) => operation.op === "custom")).toBe(true);
    const wrong = { ...recipe, parameters: { flor: 1 } };
    await expect(plan(wrong, { methods: [loudest] })).rejects.toMatchObject({
      code: "UNKNOWN_KEY",
    });
    const unknown = expect.objectContaining({ code: "UNKNOWN_METHOD" });
    await expect(plan(recipe)).rejects.toMatchObject({
      problems: expect.arrayContaining([unknown]),
    });
  });

  test.each<[string, () => unknown, string]>([
    ["a name with capitals", () => defineMethod({ name: "Loud", combine: () => {} }), "ARGUMENT"],
    ["no function", () => defineMethod({ name: "x" } as never), "ARGUMENT"],
  ])("refuses %s", (_, make, code) => {
    expect(make).toThrow(expect.objectContaining({ code }) as unknown as MergeError);
  });

  test("refuses the native backend, a taken name, and passes on what it throws", async () => {
    const out = join(folder, "none");
    const methods = [loudest];
    const native = merge(recipe, { out, methods, backend: "native" });
    await expect(native).rejects.toMatchObject({ code: "BACKEND" });
    const taken = defineMethod({ name: "linear", combine: () => {} });
    await expect(plan(recipe, { methods: [taken] })).rejects.toMatchObject({ code: "ARGUMENT" });
    const broken = defineMethod({
      name: "loudest",
      combine() {
        throw new RangeError("broken");
      },
    });
    const plain = {
      merge_method: "loudest",
      models: recipe.models.map(({ model }) => ({ model })),
    };
    await expect(merge(plain, { out, methods: [broken] })).rejects.toThrow("broken");
  });
});

test("a parameter of a model that has no value is NaN, one that has keeps it", async () => {
  const seen: number[][] = [];
  const told = defineMethod({
    name: "told",
    parameters: [{ name: "p", scope: "model", type: "number", optional: true, about: "" }],
    combine({ inputs: [x], out, modelParameters: { p } }) {
      seen.push([...p]);
      out.set(x);
    },
  });
  const models = [model("sort"), { ...model("add"), parameters: { p: 3 } }];
  const out = join(folder, "told");
  await merge({ merge_method: "told", models }, { out, methods: [told] });
  expect(new Set(seen.map(String))).toEqual(new Set(["NaN,3"]));
});
