import { join } from "node:path";
import { expect, test } from "vitest";
import { openModel } from "../../../lib/model.ts";
import { makeModel, tensorContent, useFolder } from "../../make.ts";
import { runLine } from "./streams.ts";

const folder = useFolder("cli-reshard");
const model = makeModel(join(folder, "model"), {
  w: { dtype: "F32", shape: [100] },
  v: { dtype: "I64", shape: [50] },
});

test.each([
  ["400", 2],
  ["0.5kB", 2],
  ["0", 1],
  ["5GB", 1],
])("to at most %s makes %i files of the same bytes", async (size, files) => {
  const out = join(folder, `out-${size}`);
  const { code, error } = await runLine("reshard", model, out, "--max-shard-size", size, "--quiet");
  expect({ code, error }).toEqual({ code: 0, error: [] });
  expect(openModel(out).files).toHaveLength(files);
  expect(tensorContent(out)).toEqual(tensorContent(model));
});

test("a folder that is taken is refused with 4, and allowed by --overwrite", async () => {
  const out = join(folder, "out-0");
  const argv = ["reshard", model, out, "--quiet"];
  const { code, error } = await runLine(...argv);
  expect(code).toBe(4);
  expect(error[0]).toMatch(/^error OUTPUT_EXISTS: /);
  expect((await runLine(...argv, "--overwrite")).code).toBe(0);
});
