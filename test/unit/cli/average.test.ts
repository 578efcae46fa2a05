import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openModel } from "../../../lib/model.ts";
import { makeModel, useFolder } from "../../make.ts";
import { jsonOf, runLine } from "./streams.ts";

const folder = useFolder("cli-average");
const run = [500, 1000, 1500].map((step) => {
  const w = { dtype: "F32", shape: [2], values: [step, 2 * step] } as const;
  return makeModel(join(folder, `checkpoint-${step}`), { w });
});
const read = (out: string) => [...openModel(out).read("w")];

test("takes any number of checkpoints, and the folder last", async () => {
  const out = join(folder, "mean");
  const told = jsonOf(await runLine("average", run[1], run[2], run[0], out, "--json"));
  expect(told).toMatchObject({ out, method: "linear", nonfinite: [] });
  expect(read(out)).toEqual([1000, 2000]);
  expect(existsSync(join(out, "mergekit_config.yml"))).toBe(true);
});

test("takes --last, --ema, --dtype and --no-write-model-card", async () => {
  const out = join(folder, "ema");
  const options = ["--last", "2", "--ema", "0.75", "--dtype", "bf16", "--no-write-model-card"];
  const { code } = await runLine("average", ...run, out, ...options, "--quiet");
  expect(code).toBe(0);
  expect(read(out)).toEqual([1128, 2256]);
  expect(openModel(out).tensors.get("w")?.dtype).toBe("BF16");
  expect(existsSync(join(out, "mergekit_config.yml"))).toBe(false);
});

test.each([
  [[run[0]], "expected CHECKPOINT ... OUT/, found 1 of 2 arguments"],
  [[...run, "out", "--last", "x"], "--last: a non-negative integer was expected, not x"],
  [[...run, "out", "--ema", "much"], "--ema: a number was expected, not much"],
  [[...run, "out", "--ema", "2"], "ema: a decay from 0 to below 1 was expected, not 2"],
])("%# is refused", async (argv, message) => {
  const { code, error } = await runLine("average", ...argv, "--quiet");
  expect(code).toBe(2);
  expect(error).toEqual([`error ARGUMENT: ${message}`]);
});
