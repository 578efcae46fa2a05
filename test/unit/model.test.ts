import { join } from "node:path";
import { expect, test } from "vitest";
import { openModel } from "../../lib/model.ts";
import { makeModel, refusal, useFolder } from "../make.ts";

const folder = useFolder("model");
const path = makeModel(join(folder, "model"), {
  w: { dtype: "BF16", shape: [2], values: [1, -2] },
  n: { dtype: "I8", shape: [1], values: [7] },
});

test("tensors are read as bytes and as numbers", async () => {
  using model = openModel(path);
  expect([...model.read("w")]).toEqual([1, -2]);
  expect([...model.bytes("n")]).toEqual([7]);
  expect(await refusal(() => model.read("n"))).toMatchObject({ code: "DTYPE_UNSUPPORTED" });
  expect(await refusal(() => model.bytes("x"))).toMatchObject({ code: "MISSING_TENSOR" });
});

test("a closed model is not read, by close and by `using`", async () => {
  const model = openModel(path);
  model.close();
  model.close();
  expect(await refusal(() => model.bytes("w"))).toMatchObject({ code: "ARGUMENT" });
  const kept = (() => {
    using inner = openModel(path);
    inner.read("w");
    return inner;
  })();
  expect(await refusal(() => kept.read("w"))).toMatchObject({ code: "ARGUMENT" });
});
