import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderContent, makeLlama, useFolder } from "../../make.ts";
import { jsonOf, runLine } from "./streams.ts";

const folder = useFolder("cli-mergekit");
const a = makeLlama(join(folder, "a"), {}, { companions: { "tokenizer.json": "{}" } });
const recipe = join(folder, "recipe.yml");
writeFileSync(recipe, `merge_method: passthrough\nmodels: [{model: ${a}}]\n`);

let outputs = 0;
async function run(...options: string[]) {
  const path = join(folder, `out-${outputs++}`);
  return { ...(await runLine("merge", recipe, path, "--quiet", ...options)), path };
}

const GPU = "memory is bounded and all GPUs are used as it is";

describe("options of mergekit-yaml", () => {
  test.each([
    [["--device", "cpu", "--low-cpu-memory"], `--low-cpu-memory (${GPU})`],
    [["--gpu-rich"], `--gpu-rich (${GPU})`],
    [["--multi-gpu", "--read-to-gpu"], `--read-to-gpu, --multi-gpu (${GPU})`],
    [["--allow-crimes"], "--allow-crimes (tensors decide what fits, not architectures)"],
    [["--no-trust-remote-code"], "--no-trust-remote-code (no code of a model is run)"],
    [["--lazy-unpickle"], "--lazy-unpickle (only safetensors is read and written)"],
    [["--safe-serialization"], "--safe-serialization (only safetensors is read and written)"],
    [["--clone-tensors"], "--clone-tensors (all threads write, each tensor once)"],
    [["--write-threads", "4"], "--write-threads (all threads write, each tensor once)"],
    [
      ["--lora-merge-cache", "x"],
      "--lora-merge-cache (LoRA adapters are not merged on loading yet)",
    ],
    [["-v", "-v"], "--verbose (there are no levels of logging)"],
    [
      ["--gpu-rich", "--async-write"],
      `--gpu-rich (${GPU}); --async-write (all threads write, each tensor once)`,
    ],
  ])("%s are accepted, and explained in one line", async (options, explained) => {
    const { code, error } = await run(...options);
    expect(code).toBe(0);
    expect(error).toEqual([`note: without effect here: ${explained}`]);
  });

  test("with a meaning here are mapped, without a word", async () => {
    const cache = join(folder, "cache");
    const options = ["--random-seed", "3", "--out-shard-size", "400", "--num-threads", "2"];
    const more = ["--transformers-cache", cache, "--copy-tokenizer", "--write-model-card"];
    const { code, error, path } = await run(...options, ...more);
    expect([code, error]).toEqual([0, []]);
    const content = folderContent(path);
    expect(content["weightloom.manifest.json"]).toContain('"seed": "3"');
    expect(content["model.safetensors.index.json"]).toBeDefined();
    expect(content["tokenizer.json"]).toBe("{}");
  });

  test("can leave out the tokenizer, the card and the recipe", async () => {
    const { path } = await run("--no-copy-tokenizer", "--no-write-model-card");
    for (const name of ["tokenizer.json", "README.md", "mergekit_config.yml"]) {
      expect(existsSync(join(path, name))).toBe(false);
    }
    expect(existsSync(join(path, "config.json"))).toBe(true);
  });

  test("that ask for PyTorch files are refused", async () => {
    const { code, error } = await run("--no-safe-serialization");
    expect(code).toBe(2);
    expect(error[0]).toMatch(/^error UNSUPPORTED: .*only safetensors is written/);
  });

  test("without effect are notes of the JSON result", async () => {
    const ended = await run("--json", "--gpu-rich");
    expect((jsonOf(ended) as { notes: string[] }).notes).toEqual([
      `without effect here: --gpu-rich (${GPU})`,
    ]);
  });

  test("that nobody has are refused", async () => {
    expect((await run("--cudda")).code).toBe(2);
  });
});

test("--offline takes models of the hub from the cache only", async () => {
  const path = join(folder, "hub.yml");
  writeFileSync(path, "merge_method: passthrough\nmodels: [{model: owner/name}]\n");
  for (const command of [
    ["merge", path, join(folder, "hub")],
    ["plan", path],
  ]) {
    const ended = await runLine(...command, "--offline", "--transformers-cache", folder);
    expect(ended.code).toBe(3);
    expect(ended.error[0]).toContain("error NOT_IN_CACHE");
  }
});

test("--intermediate-dir keeps the results of named documents", async () => {
  const path = join(folder, "documents.yml");
  const last = "merge_method: passthrough\nmodels: [{model: first}]\n";
  writeFileSync(
    path,
    `name: first\nmerge_method: passthrough\nmodels: [{model: ${a}}]\n---\n${last}`,
  );
  const kept = join(folder, "kept");
  const ended = await runLine("merge", path, join(folder, "last"), "-I", kept, "--quiet");
  expect(ended.code).toBe(0);
  expect(existsSync(join(kept, "first", "model.safetensors"))).toBe(true);
});
