import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makeLlama, makeModel, type Tensors, useFolder } from "../../make.ts";
import { jsonOf, runLine } from "./streams.ts";

const folder = useFolder("cli-inspect");
const TENSORS: Tensors = {
  "a.weight": { dtype: "BF16", shape: [4, 8] },
  b: { dtype: "F32", shape: [3] },
  "c.weight": { dtype: "BF16", shape: [1] },
};
const whole = makeModel(join(folder, "whole"), TENSORS);
const sharded = makeModel(join(folder, "sharded"), TENSORS, { shards: 3 });

describe.each([
  ["a folder", whole],
  ["a file", join(whole, "model.safetensors")],
  ["shards", sharded],
])("inspect of %s", (_, path) => {
  test("lists tensors, then totals and metadata", async () => {
    const { code, out, error } = await runLine("inspect", path);
    expect({ code, error }).toEqual({ code: 0, error: [] });
    expect(out).toEqual([
      "a.weight  BF16   [4, 8]            64 B",
      "b         F32    [3]               12 B",
      "c.weight  BF16   [1]               2 B",
      "",
      "BF16: 2 tensors, 66 B",
      "F32: 1 tensor, 12 B",
      expect.stringMatching(/^all: 36 parameters, 78 B in [13] files?$/),
      "metadata format: pt",
    ]);
  });

  test("with --json tells the same as JSON", async () => {
    const told = jsonOf(await runLine("inspect", path, "--json"));
    expect(told).toMatchObject({
      path,
      totals: [
        { dtype: "BF16", tensors: 2, bytes: 66 },
        { dtype: "F32", tensors: 1, bytes: 12 },
      ],
      metadata: { format: "pt" },
    });
    expect(told.tensors[1]).toEqual({
      name: "b",
      dtype: "F32",
      shape: [3],
      count: 3,
      offset: expect.any(Number),
      bytes: 12,
      file: expect.stringMatching(/\.safetensors$/),
    });
  });
});

test("what config.json says is told after the totals", async () => {
  const config = {
    architectures: ["LlamaForCausalLM"],
    quantization_config: { quant_method: "fp8" },
    tie_word_embeddings: true,
  };
  const { out } = await runLine(
    "inspect",
    makeLlama(join(folder, "llama"), { tied: true }, { config }),
  );
  expect(out.slice(-4)).toEqual([
    "embeddings: tied: no output head is stored, the embedding serves as one",
    "architecture: LlamaForCausalLM",
    "quantization: fp8",
    "metadata format: pt",
  ]);
});

test("names that could steer a terminal are escaped", async () => {
  const evil = makeModel(join(folder, "evil"), { "\u001b[2J": { dtype: "F32", shape: [1] } });
  const { out } = await runLine("inspect", evil);
  expect(out.join("\n")).not.toContain("\u001b");
});

test("a model that is not there ends with 3", async () => {
  const { code, error } = await runLine("inspect", join(folder, "nowhere"));
  expect(code).toBe(3);
  expect(error[0]).toMatch(/^error MODEL_NOT_FOUND: /);
});
