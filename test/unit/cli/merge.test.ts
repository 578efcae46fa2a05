import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { plan } from "../../../lib/merge.ts";
import { openModel } from "../../../lib/model.ts";
import { BACKENDS } from "../../backends.ts";
import { folderContent, makeLlama, makeModel, useFolder } from "../../make.ts";
import { jsonOf, runLine } from "./streams.ts";

const folder = useFolder("cli-merge");
const a = makeLlama(join(folder, "a"), { seed: 1 });
const b = makeLlama(join(folder, "b"), { seed: 2 });
const recipe = yaml(
  "recipe.yml",
  `merge_method: dare_linear
base_model: ${a}
models: [{model: ${b}, parameters: {weight: 1, density: 0.5}}]
`,
);

function yaml(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

let outputs = 0;
function freshOut(): string {
  return join(folder, `out-${outputs++}`);
}

describe("merge", () => {
  test("says on the output what was written and how", async () => {
    const out = freshOut();
    const { code, out: lines } = await runLine("merge", recipe, out);
    expect(code).toBe(0);
    expect(lines).toEqual([
      expect.stringMatching(
        /^.*out-0: 9 tensors, 1\.33 kB in \d+\.\d\d s \(dare_linear, (native|reference)\)$/,
      ),
    ]);
    expect(openModel(out).tensors.size).toBe(9);
  });

  test("prints plain lines of progress where there is no terminal", async () => {
    const { error } = await runLine("merge", recipe, freshOut());
    // Between them there are as many as the machine is slow.
    expect(error.length).toBeGreaterThan(1);
    expect(error[0]).toMatch(/^0% 0 B of 1\.33 kB 0\.00 GB\/s \S+$/);
    expect(error.at(-1)).toMatch(/^100% 1\.33 kB of 1\.33 kB \d+\.\d\d GB\/s \S+$/);
  });

  test("prints no progress with --quiet", async () => {
    expect((await runLine("merge", recipe, freshOut(), "--quiet")).error).toEqual([]);
  });

  test("with --json tells its result as JSON, and nothing else", async () => {
    const out = freshOut();
    const ended = await runLine("merge", recipe, out, "--json");
    expect(ended.code).toBe(0);
    expect(ended.error).toEqual([]);
    expect(jsonOf(ended)).toEqual({
      out,
      method: "dare_linear",
      planHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      shards: [{ name: "model.safetensors", size: expect.any(Number) }],
      bytes: 1328,
      seconds: expect.any(Number),
      backend: BACKENDS[0],
      device: "cpu",
      nonfinite: [],
      notes: [],
    });
  });

  test("hands every option on", async () => {
    const [first, second] = [freshOut(), freshOut()];
    const options = [
      ...["--random-seed", "7", "--out-shard-size", "400", "--threads", "2"],
      ...["--max-memory", "1GiB", "--io", "pread", "--isa", "scalar", "--no-sync"],
      "--resume",
    ];
    const native = await runLine("merge", recipe, first, "--backend", BACKENDS[0], ...options);
    expect(native.code).toBe(0);
    await runLine("merge", recipe, second, "--backend", "reference", "--quiet", ...options);
    expect(openModel(first).files.length).toBeGreaterThan(1);
    expect(folderContent(second)).toEqual(folderContent(first));
    const other = freshOut();
    await runLine("merge", recipe, other, ...options.slice(2));
    expect(folderContent(other)["weightloom.manifest.json"]).toContain('"seed": "0"');
    expect(folderContent(first)["weightloom.manifest.json"]).toContain('"seed": "7"');
  });

  test("clears away what a killed merge has left, and says so unless nothing can be used", async () => {
    const out = freshOut();
    const { hash } = await plan(recipe);
    const stage = `${out}.weightloom-${hash.slice(0, 12)}`;
    for (const [option, notes] of [
      ["--resume", ["note: damaged and made again: 1 of 1 shards of an interrupted merge"]],
      ["--no-resume", []],
    ] as const) {
      mkdirSync(stage);
      writeFileSync(join(stage, "weightloom.shard-00001.json"), "damaged");
      const ended = await runLine("merge", recipe, out, option, "--quiet", "--overwrite");
      expect(ended).toMatchObject({ code: 0, error: notes });
      expect(existsSync(stage)).toBe(false);
    }
  });

  test("refuses an output that is there, with code 4, until --overwrite", async () => {
    const out = freshOut();
    await runLine("merge", recipe, out);
    const refused = await runLine("merge", recipe, out);
    expect(refused.code).toBe(4);
    expect(refused.error).toEqual([
      `error OUTPUT_EXISTS: ${out} already exists (allow it by overwrite (--overwrite), or choose another path)`,
    ]);
    expect((await runLine("merge", recipe, out, "--overwrite")).code).toBe(0);
  });

  test("prints notes, and warns of values that are not finite", async () => {
    const values = [Number.NaN, 1];
    const odd = makeModel(join(folder, "odd"), { w: { dtype: "F32", shape: [2], values } });
    const path = yaml(
      "odd.yml",
      `merge_method: linear\nmodels: [{model: ${odd}}]\nparameters: {weight: 1, density: 1}\ndtype: float16\n`,
    );
    const { code, error } = await runLine("merge", path, freshOut(), "--quiet");
    expect(code).toBe(0);
    expect(error).toEqual([
      expect.stringMatching(/^note: .*density/),
      "warning: w holds values that are not finite: 0 born in the merge, 1 from the inputs",
    ]);
  });

  test("with --on-nonfinite allows or refuses such values", async () => {
    const values = [60_000, 1];
    const large = makeModel(join(folder, "large"), { w: { dtype: "F32", shape: [2], values } });
    const path = yaml(
      "large.yml",
      `merge_method: linear\nmodels: [{model: ${large}, parameters: {weight: 2}}]\nparameters: {normalize: false}\ndtype: float16\n`,
    );
    const [quietly, refused] = [freshOut(), freshOut()];
    const allow = ["--on-nonfinite", "allow", "--quiet"];
    expect(await runLine("merge", path, quietly, ...allow)).toMatchObject({ code: 0, error: [] });
    const ended = await runLine("merge", path, refused, "--on-nonfinite", "error", "--quiet");
    expect(ended.code).toBe(3);
    expect(ended.error).toEqual([
      "error NONFINITE: w holds values that are not finite: 1 born in the merge, 0 from the inputs",
    ]);
    expect(existsSync(refused)).toBe(false);
    const told = await runLine("merge", path, refused, "--on-nonfinite", "warn", "--quiet");
    expect(told.error).toEqual([expect.stringMatching(/^warning: w holds/)]);
  });
});

describe("problems", () => {
  test("are printed one on a line, with file, line and column", async () => {
    const path = yaml(
      "bad.yml",
      `merge_method: linear
modells: []
models:
  - model: ${a}
    parameters: {weigth: 1}
`,
    );
    const { code, out, error } = await runLine("merge", path, freshOut());
    expect(code).toBe(2);
    expect(out).toEqual([]);
    expect(error).toHaveLength(3);
    expect(error[0]).toMatch(`error UNKNOWN_KEY: ${path}:2:1: `);
    expect(error.join("\n")).toContain(`${path}:5:18: `);
    expect(error[0]).toContain("did you mean `models`?");
  });

  test.each<[string, string, number]>([
    ["a model that is not there", `[{model: ${folder}/nowhere}]`, 3],
    ["a recipe without models", "[]", 2],
  ])("of %s: code", async (_, models, code) => {
    const path = yaml("one.yml", `merge_method: passthrough\nmodels: ${models}\n`);
    const out = freshOut();
    expect((await runLine("merge", path, out)).code).toBe(code);
    expect(existsSync(out)).toBe(false);
  });

  test.each([
    ["--threads", "0"],
    ["--threads", "many"],
    ["--random-seed", "18446744073709551616"],
    ["--max-memory", "lots"],
    ["--out-shard-size", "-5"],
    ["--backend", "cuda"],
    ["--isa", "mmx"],
    ["--io", "direct"],
    ["--on-nonfinite", "ignore"],
  ])("of %s %s: code 2, and nothing is written", async (...option) => {
    const out = freshOut();
    const { code, error } = await runLine("merge", recipe, out, ...option);
    expect(code).toBe(2);
    expect(error).toHaveLength(1);
    expect(existsSync(out)).toBe(false);
  });

  test("of a budget that is too small say what it takes", async () => {
    const { code, error } = await runLine("merge", recipe, freshOut(), "--max-memory", "1M");
    expect(code).toBe(2);
    expect(error[0]).toMatch(/^error MEMORY_BUDGET: .*it needs \d+(\.\d+)? MB with one thread\)$/);
  });
});
