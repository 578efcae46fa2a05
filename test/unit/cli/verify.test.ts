import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeModel, useFolder } from "../../make.ts";
import { jsonOf, runLine } from "./streams.ts";

const folder = useFolder("cli-verify");
const model = makeModel(join(folder, "model"), {
  w: { dtype: "F32", shape: [10] },
  v: { dtype: "F32", shape: [10] },
});
let made = 0;
async function copied(): Promise<string> {
  const out = join(folder, `out-${++made}`);
  await runLine("reshard", model, out, "--quiet");
  return out;
}

test("what was written is as recorded: 0", async () => {
  const { code, out, error } = await runLine("verify", await copied(), "--quiet");
  expect({ code, out, error }).toEqual({
    code: 0,
    out: ["2 of 2 tensors as recorded; 1 of 1 inputs"],
    error: [],
  });
});

test("with --replay says so", async () => {
  const { code, out } = await runLine("verify", await copied(), "--replay", "--quiet");
  expect(code).toBe(0);
  expect(out).toEqual(["2 of 2 tensors as recorded, merged again and compared; 1 of 1 inputs"]);
});

test("other bytes are told by tensor: 1", async () => {
  const path = await copied();
  const file = join(path, "model.safetensors");
  const bytes = readFileSync(file);
  bytes[bytes.length - 1] ^= 1;
  writeFileSync(file, bytes);
  const { code, out } = await runLine("verify", path, "--quiet");
  expect(code).toBe(1);
  expect(out[0]).toMatch(/^w: other bytes, digest [0-9a-f]{16}, recorded [0-9a-f]{16}$/);
  expect(out.at(-1)).toBe("1 of 2 tensors as recorded; 1 of 1 inputs");
});

test("a file that is gone is told: 1", async () => {
  const path = await copied();
  rmSync(join(path, "model.safetensors"));
  const { code, out } = await runLine("verify", path, "--quiet");
  expect(code).toBe(1);
  expect(out.slice(1, 3)).toEqual(["v: missing", "w: missing"]);
  expect(out[0]).toMatch(/^model\.safetensors: /);
});

test("inputs that have changed or are gone are told, and other shapes", async () => {
  const own = makeModel(join(folder, "own"), { w: { dtype: "F32", shape: [10] } });
  const out = join(folder, "of-own");
  await runLine("reshard", own, out, "--quiet");
  const inputs = join(own, "model.safetensors");
  writeFileSync(inputs, "no header at all");
  const changed = await runLine("verify", out, "--quiet");
  expect(changed).toMatchObject({
    code: 1,
    out: [
      `${inputs}: input has another size or header now`,
      expect.stringContaining("0 of 1 inputs"),
    ],
  });
  rmSync(inputs);
  makeModel(out, { w: { dtype: "F32", shape: [5, 2] } });
  const gone = await runLine("verify", out, "--quiet");
  expect(gone.out).toEqual([
    "w: F32 [5, 2], not F32 [10]",
    `${inputs}: input is not there, not compared`,
    "0 of 1 tensors as recorded; 0 of 1 inputs",
  ]);
});

test("a replay that gives other bytes is told by tensor: 1", async () => {
  const own = makeModel(join(folder, "mine"), { w: { dtype: "F32", shape: [10], seed: 1 } });
  const out = join(folder, "of-mine");
  await runLine("reshard", own, out, "--quiet");
  makeModel(own, { w: { dtype: "F32", shape: [10], seed: 2 } });
  const { code, out: lines } = await runLine("verify", out, "--replay", "--quiet");
  expect(code).toBe(1);
  expect(lines[0]).toMatch(/^w: merging again gives [0-9a-f]{16}$/);
});

test("a folder that no merge wrote is trouble: 2", async () => {
  const { code, error } = await runLine("verify", model, "--quiet");
  expect(code).toBe(2);
  expect(error[0]).toMatch(/^error MANIFEST: .*\(give the folder that weightloom wrote\)$/);
});

test("with --json tells all of it", async () => {
  const path = await copied();
  expect(jsonOf(await runLine("verify", path, "--json"))).toMatchObject({
    path,
    same: true,
    method: "passthrough",
    tensors: [{ tensor: "v", state: "same" }, { tensor: "w" }],
  });
});
