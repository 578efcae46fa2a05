import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { average, emaWeights, meanRecipe, orderCheckpoints } from "../../lib/average.ts";
import { merge } from "../../lib/merge.ts";
import { openModel } from "../../lib/model.ts";
import { makeModel, type Tensors, useFolder } from "../make.ts";

const folder = useFolder("average");

function checkpoint(step: number, tensors: Tensors): string {
  return makeModel(join(folder, `checkpoint-${step}`), tensors);
}

const values = (...of: number[]) =>
  ({ w: { dtype: "F32", shape: [of.length], values: of } }) as const;
const run = [
  checkpoint(1000, values(8, 1)),
  checkpoint(500, values(4, 2)),
  checkpoint(1500, values(1, 6)),
];
const read = (out: string) => [...openModel(out).read("w")];

describe("checkpoints", () => {
  test("are ordered by their numbers, not by their digits", () => {
    const names = ["a/checkpoint-1000", "a/checkpoint-500", "a/checkpoint-20000", "a/best"];
    expect(orderCheckpoints(names)).toEqual([
      "a/best",
      "a/checkpoint-500",
      "a/checkpoint-1000",
      "a/checkpoint-20000",
    ]);
  });

  test("count the same by default", async () => {
    const out = join(folder, "uniform");
    await average(run, { out });
    expect(read(out)).toEqual([Math.fround(13 / 3), 3]);
  });

  test("are the newest with `last`", async () => {
    const out = join(folder, "last");
    const { plan } = await average(run, { out, last: 2 });
    expect(plan.models).toEqual([run[0], run[2]]);
    expect(read(out)).toEqual([4.5, 3.5]);
  });

  test("weigh what a moving average gives them with `ema`", async () => {
    const out = join(folder, "ema");
    await average(run, { out, ema: 0.5 });
    // ((4 + 8) / 2 + 1) / 2, and ((2 + 1) / 2 + 6) / 2
    expect(read(out)).toEqual([3.5, 3.75]);
  });

  test("that hold different integers are refused", async () => {
    const tensors = (step: number): Tensors => ({
      n: { dtype: "I64", shape: [1], values: [step] },
    });
    const both = [1, 2].map((step) => makeModel(join(folder, `integers-${step}`), tensors(step)));
    const out = join(folder, "integers");
    await expect(average(both, { out })).rejects.toMatchObject({ code: "TENSOR_DIFFERS" });
    await average([both[0], both[0]], { out });
  });
});

describe("emaWeights", () => {
  /** The weights in exact arithmetic, rounded once: the decay is a multiple of 2^-60. */
  function exact(count: number, decay: number): number[] {
    const unit = 2n ** 60n;
    const beta = BigInt(decay * 2 ** 60);
    return Array.from({ length: count }, (_, t) => {
      const power = count - 1 - t;
      const above = beta ** BigInt(power) * (t === 0 ? unit : unit - beta);
      return Number((above << 400n) / unit ** BigInt(power + 1)) * 2 ** -400;
    });
  }

  test.each([
    [1, 0.99],
    [2, 0.5],
    [8, 0.99],
    [200, 0.999],
    [50, 0.1],
  ])("of %i checkpoints with decay %d are the exact ones up to 1e-13", (count, decay) => {
    const weights = emaWeights(count, decay);
    exact(count, decay).forEach((weight, t) => {
      expect(Math.abs(weights[t] - weight)).toBeLessThanOrEqual(1e-13 * weight);
    });
  });

  test("are those of the recursion", () => {
    const x = [3, 1, 4, 1, 5, 9, 2, 6];
    const mean = x.slice(1).reduce((e, each) => 0.9 * e + 0.1 * each, x[0]);
    const sum = emaWeights(x.length, 0.9).reduce((s, weight, i) => s + weight * x[i], 0);
    expect(sum).toBeCloseTo(mean, 12);
  });

  test("with no decay take the last checkpoint", () => {
    expect(emaWeights(3, 0)).toEqual([0, 0, 1]);
  });
});

describe("more checkpoints than one operation takes", () => {
  const many = Array.from({ length: 600 }, (_, i) =>
    checkpoint(10_000 + i, { ...values(i, 5), half: { dtype: "F16", shape: [3] } }),
  );

  test("become the first and means of 256 each, by the sums of their weights", () => {
    const weights = many.map(() => 1);
    const recipes = meanRecipe(many, weights, "bfloat16");
    expect(recipes.map(({ name, models, dtype }) => [name, models?.length, dtype])).toEqual([
      ["checkpoints 2 to 257", 256, "float32"],
      ["checkpoints 258 to 513", 256, "float32"],
      ["checkpoints 514 to 600", 87, "float32"],
      [undefined, 4, "bfloat16"],
    ]);
    const last = recipes[3].models?.map(({ parameters }) => parameters?.weight);
    expect(last).toEqual([1, 256, 256, 87]);
  });

  test("have the mean of all, and the recipe written down merges again to the same bytes", async () => {
    const out = join(folder, "many");
    await average(many, { out });
    const [mean, five] = read(out);
    expect(mean).toBeCloseTo(299.5, 4);
    expect(five).toBe(5);
    expect(openModel(out).tensors.get("half")?.dtype).toBe("F16");
    const again = join(folder, "again");
    await merge(join(out, "mergekit_config.yml"), { out: again });
    const bytes = (of: string) => readFileSync(join(of, "model.safetensors"));
    expect(bytes(again).equals(bytes(out))).toBe(true);
  });
});

test.each([
  [[], {}, "checkpoints"],
  [run, { last: 0 }, "last"],
  [run, { last: 1.5 }, "last"],
  [run, { ema: 1 }, "ema"],
  [run, { ema: -0.1 }, "ema"],
])("%j with %j is refused, naming %s", async (checkpoints, options, word) => {
  const out = join(folder, "never");
  await expect(average(checkpoints, { out, ...options })).rejects.toMatchObject({
    code: "ARGUMENT",
    message: expect.stringContaining(`${word}: `),
  });
});
