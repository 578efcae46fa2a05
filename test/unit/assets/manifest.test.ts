import { describe, expect, test } from "vitest";
import { ManifestDraft } from "../../../lib/assets/manifest.ts";
import { shardIndex } from "../../../lib/assets/shard_index.ts";
import { parseIndex } from "../../../lib/format/shards.ts";
import type { Operation, Plan } from "../../../lib/plan/types.ts";
import type { StepResult } from "../../../lib/run/work.ts";
import { planOf, resultOf, step } from "./plan.ts";

const ties: Operation = {
  width: 3,
  torch: null,
  factors: [1],
  key: [1, 2],
  lambda: Math.fround(0.3),
  divisor: 1,
  normalize: "weights",
  consensus: true,
  rescale: false,
  sparsify: [{ keep: 3, kind: "magnitude" }],
  weights: [0.5],
  inputs: [1],
  base: 0,
  op: "task",
};

function manifest(...[plan, results, version]: [Plan, readonly StepResult[], string]): string {
  return Buffer.from(new ManifestDraft(plan, version).fill(results)).toString();
}

describe("manifest", () => {
  test("as a whole", () => {
    const plan = planOf([step("b", { operation: ties }), step("a", { shape: [], count: 1 })]);
    const results = [resultOf({ nanBorn: 2, overflowFromInput: 1 }), resultOf({ digest: "ff" })];
    expect(manifest(plan, results, "0.1.0")).toBe(`{
  "format": 1,
  "weightloom": "0.1.0",
  "plan": "c0ffee",
  "digest": "xxh64 of the XXH64 digests of blocks of 65,536 elements",
  "recipe": {
    "method": "ties",
    "seed": "18446744073709551615",
    "models": 2,
    "dtype": "BF16",
    "layers": null,
    "vocabSize": null,
    "dropped": [{"model":1,"tensor":"lm_head.weight","reason":"the base has none"}]
  },
  "inputs": [
    {"name":"model.safetensors","size":100,"headerHash":"ab"},
    {"name":"model.safetensors","size":200,"headerHash":"cd"}
  ],
  "outputs": [
    {"name":"model.safetensors","size":1000}
  ],
  "tensors": {
    "a": {"dtype":"BF16","shape":[],"shard":"model.safetensors","offset":8,"digest":"ff","operation":{"op":"copy","input":0},"inputs":[{"model":0,"source":0,"tensor":"source of a","dtype":"F32","offset":16}]},
    "b": {"dtype":"BF16","shape":[2,3],"shard":"model.safetensors","offset":8,"digest":"0123456789abcdef","nonfinite":{"nanBorn":2,"overflowFromInput":1},"operation":{"op":"task","base":0,"consensus":true,"divisor":1,"factors":[1],"inputs":[1],"key":[1,2],"lambda":0.30000001192092896,"normalize":"weights","rescale":false,"sparsify":[{"kind":"magnitude","keep":3}],"torch":null,"weights":[0.5],"width":3},"inputs":[{"model":0,"source":0,"tensor":"source of b","dtype":"F32","offset":16}]}
  },
  "paths": {
    "models": ["/models/base","/models/other"],
    "donor": "/models/base",
    "inputs": ["/models/base/model.safetensors","/models/other/model.safetensors"]
  }
}
`);
  });

  test("is the same elsewhere but for its paths", () => {
    const upToPaths = (root: string) =>
      manifest(planOf([step("a")], 1, root), [resultOf()], "1").split('  "paths"')[0];
    expect(upToPaths("/somewhere/else")).toBe(upToPaths("/models"));
    expect(upToPaths("/models")).not.toContain("/models");
  });

  test("hostile tensor names stay names", () => {
    const names = ["__proto__", "10", "9", 'q"\n', "", "é"];
    const plan = planOf(names.map((name) => step(name)));
    const text = manifest(
      plan,
      plan.steps.map(() => resultOf()),
      "1",
    );
    expect(Object.keys(JSON.parse(text).tensors).toSorted()).toEqual(names.toSorted());
    const at = names.toSorted().map((name) => text.indexOf(`\n    ${JSON.stringify(name)}: `));
    expect(at).toEqual(at.toSorted((a, b) => a - b));
    expect(at[0]).toBeGreaterThan(0);
  });

  test("an empty plan is JSON too", () => {
    expect(JSON.parse(manifest(planOf([], 0), [], "1"))).toMatchObject({
      outputs: [],
      tensors: {},
    });
  });

  test("refuses results that are not those of the steps", () => {
    expect(() => manifest(planOf([step("a")]), [], "1")).toThrow(
      expect.objectContaining({ code: "INTERNAL" }),
    );
  });

  test("of many tensors, each in its line, by name", () => {
    const names = Array.from(
      { length: 1100 },
      (_, i) => `tensor ${i}${i % 3 === 0 ? " größe" : ""}`,
    );
    const digests = names.map((_, i) => i.toString(16).padStart(16, "0"));
    const results = digests.map((digest) => resultOf({ digest }));
    for (const nanBorn of [0, 1]) {
      const all = [...results.slice(0, -1), { ...results[1099], nanBorn }];
      const text = manifest(planOf(names.map((name) => step(name))), all, "1");
      const { tensors } = JSON.parse(text) as { tensors: Record<string, { digest: string }> };
      expect(Object.keys(tensors)).toEqual(names.toSorted());
      expect(names.map((name) => tensors[name].digest)).toEqual(digests);
      expect(text.match(/"nonfinite"/g) ?? []).toHaveLength(nanBorn);
      expect(text.split("\n").filter((line) => line.startsWith('    "tensor '))).toHaveLength(1100);
    }
  });
});

describe("shardIndex", () => {
  test("as a whole", () => {
    const steps = [step("z", { shard: 1 }), step("a", { dtype: "F32" }), step("10"), step("9")];
    const text = shardIndex(planOf(steps, 2), "0.1.0");
    expect(text).toBe(`{
  "metadata": {
    "total_size": 60,
    "weightloom_version": "0.1.0"
  },
  "weight_map": {
    "10": "model-00001-of-00002.safetensors",
    "9": "model-00001-of-00002.safetensors",
    "a": "model-00001-of-00002.safetensors",
    "z": "model-00002-of-00002.safetensors"
  }
}
`);
    const read = parseIndex(new TextEncoder().encode(text));
    expect(read.totalSize).toBe(60);
    expect(read.weightMap.get("z")).toBe("model-00002-of-00002.safetensors");
  });
});
