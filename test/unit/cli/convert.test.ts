import { join } from "node:path";
import { expect, test } from "vitest";
import { openModel } from "../../../lib/model.ts";
import { makeModel, useFolder } from "../../make.ts";
import { runLine } from "./streams.ts";

const folder = useFolder("cli-convert");
const model = makeModel(join(folder, "model"), {
  w: { dtype: "F32", shape: [100] },
  v: { dtype: "F32", shape: [100] },
});

test("writes the dtype, in files of the size", async () => {
  const out = join(folder, "out");
  const options = ["--dtype", "bf16", "--max-shard-size", "250", "--quiet"];
  const { code, out: told } = await runLine("convert", model, out, ...options);
  expect(code).toBe(0);
  expect(told[0]).toMatch(/: 2 tensors, 400 B in .* \(passthrough, \w+\)$/);
  const made = openModel(out);
  expect([...made.tensors.values()].map(({ dtype }) => dtype)).toEqual(["BF16", "BF16"]);
  expect(made.files).toHaveLength(2);
});

test.each([
  [[], "error ARGUMENT: --dtype: float32, float16 or bfloat16 was expected"],
  [
    ["--dtype", "int4"],
    "error UNKNOWN_DTYPE: dtype: no output dtype is named int4 (float32, float16 or bfloat16)",
  ],
])("%j is refused", async (options, message) => {
  const { code, error } = await runLine(
    "convert",
    model,
    join(folder, "never"),
    ...options,
    "--quiet",
  );
  expect(code).toBe(2);
  expect(error).toEqual([message]);
});
