import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { plan } from "../../../lib/merge.ts";
import { explain, formatBytes, inputBytes, outputBytes } from "../../../lib/plan/explain.ts";
import type { ModelEntry, RecipeObject, Settings } from "../../../lib/recipe-object.ts";
import { llama, makeLlama, makeModel, useFolder } from "../../make.ts";

const folder = useFolder("explain");
const a = makeLlama(join(folder, "a"), { seed: 1 });
const b = makeLlama(join(folder, "b"), { seed: 2 });
const NORM = "model.norm.weight";

async function lineOf(recipe: RecipeObject, tensor: string = NORM): Promise<string> {
  const lines = explain(await plan(recipe), { tensors: true });
  return lines
    .find((line) => line.includes(tensor))!
    .replaceAll(a, "A")
    .replaceAll(b, "B");
}

function both(weights: readonly number[]): ModelEntry[] {
  return [a, b].map((model, i) => ({ model, parameters: weightOf(weights[i]) }));
}

function weightOf(weight: number | undefined): Settings {
  return weight === undefined ? {} : { weight };
}

const head = `  ${NORM} BF16 [8]: `;

describe("one tensor in words", () => {
  test.each<[RecipeObject, string]>([
    [{ merge_method: "linear", models: both([0.75, 0.25]) }, `${head}weights 0.75, 0.25 of A, B`],
    [{ merge_method: "linear", models: both([1, 2]) }, `${head}weights 1, 2 of A, B, divided by 3`],
    [{ merge_method: "linear", models: both([0, 1]) }, `${head}copy of B`],
    [
      {
        merge_method: "ties",
        base_model: a,
        models: [{ model: b, parameters: { weight: 0.3, density: 0.5 } }],
        parameters: { lambda: 0.5, rescale: true },
      },
      `${head}deltas of B; weights 0.3; keeping largest 4; rescaled; sign election; normalized; lambda 0.5; on A`,
    ],
    [
      {
        merge_method: "dare_linear",
        base_model: a,
        models: [{ model: b, parameters: { weight: 1, density: 0.25 } }],
        parameters: { rescale: false },
      },
      `${head}deltas of B; weights 1; keeping random 0.25; on A`,
    ],
  ])("%#", async (recipe, line) => expect(await lineOf(recipe)).toBe(line));

  test("slerp names its models from t = 0 on, and t", async () => {
    const recipe = { merge_method: "slerp", base_model: b, models: both([]) } as const;
    const line = await lineOf({ ...recipe, parameters: { t: 0.25 } });
    expect(line).toMatch(/ B\b.* A\b/);
    expect(line).toContain("0.25");
  });

  test("an integer that all models must agree on", async () => {
    const withSteps = { steps: { dtype: "I64", shape: [1], values: [7] } } as const;
    const c = makeModel(join(folder, "c"), withSteps);
    const recipe: RecipeObject = {
      merge_method: "linear",
      models: [{ model: c }, { model: c }],
      parameters: { weight: 1 },
    };
    expect(await lineOf(recipe, "steps")).toBe(
      `  steps I64 [1]: copy of ${c}, which all models must equal`,
    );
  });
});

describe("the summary", () => {
  const recipe: RecipeObject = {
    merge_method: "dare_ties",
    base_model: a,
    models: [{ model: b, parameters: { weight: [{ filter: "norm", value: 0 }, { value: 1 }] } }],
    parameters: { density: 0.5 },
  };

  test("says method, models, counts, sizes, seed and hash", async () => {
    const made = await plan(recipe, { seed: 9 });
    const bytes = Object.values(llama()).reduce((sum, { shape }) => {
      return sum + 2 * shape.reduce((x, y) => x * y, 1);
    }, 0);
    expect(outputBytes(made)).toBe(bytes);
    expect(explain(made)).toEqual([
      "method      dare_ties",
      `models      ${b}`,
      `            ${a}`,
      "tensors     9 (6 task, 3 copy)",
      `reads       ${formatBytes(inputBytes(made))} from 2 files`,
      `writes      ${formatBytes(bytes)} to 1 files`,
      "seed        9",
      `plan        ${made.hash.slice(0, 16)}`,
    ]);
  });

  test("counts as read only what is read: one input of a copy", async () => {
    const copies = await plan({ merge_method: "linear", models: both([0, 1]) });
    expect(inputBytes(copies)).toBe(outputBytes(copies));
    const means = await plan({ merge_method: "linear", models: both([1, 1]) });
    expect(inputBytes(means)).toBe(2 * outputBytes(means));
  });

  test("tells what is dropped, and notes", async () => {
    const larger = makeLlama(join(folder, "larger"), { vocab: 20 });
    const sources = [a, larger].map((model) => ({ model, layer_range: [0, 1] as const }));
    const lines = explain(
      await plan({ merge_method: "linear", slices: [{ sources }], parameters: { weight: 1 } }),
    );
    expect(lines.filter((line) => line.startsWith("note"))).toHaveLength(2);
    expect(lines.at(-1)).toBe("dropped     6 tensors of the inputs (outside the slices)");
  });

  test("has a line for each tensor only when asked", async () => {
    const made = await plan(recipe);
    const short = explain(made);
    expect(explain(made, { tensors: true })).toHaveLength(short.length + made.steps.length);
  });

  test("escapes what could steer a terminal", async () => {
    const evil = makeModel(join(folder, "evil"), { "\u001b[2J": { dtype: "F32", shape: [1] } });
    const made = await plan({ merge_method: "passthrough", models: [{ model: evil }] });
    const text = explain(made, { tensors: true }).join("\n");
    expect(text).not.toContain("\u001b");
    expect(text).toContain("\\u001b[2J");
  });
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.00 kB"],
  [1_234_567, "1.23 MB"],
  [5e9, "5.00 GB"],
  [1.5e15, "1.50e+3 TB"],
])("%f bytes are %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));
