import { truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openModel } from "../../lib/model.ts";
import { makeModel, refusal, useFolder } from "../make.ts";

const folder = useFolder("model");

function model(name: string) {
  return makeModel(join(folder, name), {
    weight: { dtype: "BF16", shape: [2, 3] },
    ids: { dtype: "I64", shape: [4] },
  });
}

test("a tensor is read as its bytes, and a float one as binary32", () => {
  const opened = openModel(model("whole"));
  const bytes = opened.bytes("weight");
  const bits = new Uint16Array(bytes.slice().buffer);
  const values = new Float32Array(Uint32Array.from(bits, (each) => each << 16).buffer);
  expect(opened.read("weight")).toEqual(values);
  expect(opened.bytes("ids").byteLength).toBe(32);
});

test("what is not there, or no float, or cut short, has a code", async () => {
  const path = model("cut");
  const opened = openModel(path);
  expect((await refusal(() => opened.bytes("other"))).code).toBe("MISSING_TENSOR");
  expect((await refusal(() => opened.read("ids"))).code).toBe("DTYPE_UNSUPPORTED");
  truncateSync(join(path, "model.safetensors"), 100);
  expect((await refusal(() => opened.bytes("weight"))).code).toBe("FILE_TRUNCATED");
});

const path = makeModel(join(folder, "model"), {
  w: { dtype: "BF16", shape: [2], values: [1, -2] },
  n: { dtype: "I8", shape: [1], values: [7] },
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
