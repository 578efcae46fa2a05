import { join } from "node:path";
import { expect, test } from "vitest";
import { inspect } from "../../lib/inspect.ts";
import { makeLlama, makeModel, refusal, useFolder } from "../make.ts";

const folder = useFolder("inspect");

test("tells tensors, files, totals and what config.json says", async () => {
  const path = makeModel(
    join(folder, "model"),
    {
      a: { dtype: "F32", shape: [2, 3] },
      b: { dtype: "I8", shape: [5] },
      c: { dtype: "F32", shape: [1] },
    },
    {
      shards: 3,
      config: {
        architectures: ["X"],
        model_type: "x",
        quantization_config: { quant_method: "gptq" },
      },
    },
  );
  const found = await inspect(path);
  expect(found).toMatchObject({
    path,
    parameters: 12,
    bytes: 33,
    tying: null,
    architecture: "X",
    modelType: "x",
    quantization: "gptq",
    metadata: { format: "pt" },
    totals: [
      { dtype: "F32", tensors: 2, bytes: 28 },
      { dtype: "I8", tensors: 1, bytes: 5 },
    ],
  });
  expect(found.files.map(({ tensors }) => tensors)).toEqual([1, 1, 1]);
  expect(found.tensors[1]).toEqual({
    name: "b",
    dtype: "I8",
    shape: [5],
    count: 5,
    offset: expect.any(Number),
    bytes: 5,
    file: join(path, "model-00002-of-00003.safetensors"),
  });
});

test.each([
  ["absent", { stored: false, tied: true }],
  ["headless", { stored: false, tied: false }],
  ["apart", { stored: true, tied: false }],
])("tells that the output head is %s (%j)", async (tying, { stored, tied }) => {
  const config = { tie_word_embeddings: tied };
  const path = makeLlama(join(folder, tying), { tied: !stored }, { config });
  expect((await inspect(path)).tying).toBe(tying);
});

test.each([
  [5, 5, "twice"],
  [5, 6, "contradiction"],
])("compares a head that config.json says is tied (%i, %i: %s)", async (embedding, head, tying) => {
  const tensor = (value: number) => ({ dtype: "F32", shape: [1, 1], values: [value] }) as const;
  const path = makeModel(
    join(folder, tying),
    { "model.embed_tokens.weight": tensor(embedding), "lm_head.weight": tensor(head) },
    { config: { tie_word_embeddings: true } },
  );
  expect((await inspect(path)).tying).toBe(tying);
});

test("without config.json says nothing of it", async () => {
  const path = makeModel(
    join(folder, "bare"),
    { w: { dtype: "F32", shape: [1] } },
    { config: null },
  );
  expect(await inspect(path)).toMatchObject({
    architecture: null,
    modelType: null,
    quantization: null,
  });
});

test("what config.json has in another form is not told", async () => {
  const config = { architectures: {}, model_type: 7, quantization_config: { quant_method: null } };
  const path = makeModel(join(folder, "odd"), { w: { dtype: "F32", shape: [1] } }, { config });
  expect(await inspect(path)).toMatchObject({
    architecture: null,
    modelType: null,
    quantization: null,
  });
});

test("a model that is not there is refused", async () => {
  expect(await refusal(() => inspect(join(folder, "nowhere")))).toMatchObject({
    code: "MODEL_NOT_FOUND",
  });
});
