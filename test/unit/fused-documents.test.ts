/** Documents merged as one work: the same bytes as one by one, with no intermediate model written. */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type MergeOptions, merge } from "../../lib/merge.ts";
import { backendInfo } from "../../lib/run/backend.ts";
import { BACKENDS } from "../backends.ts";
import { folderContent, makeLlama, tensorContent, useFolder } from "../make.ts";

const folder = useFolder("fused");
const a = makeLlama(join(folder, "a"), { layers: 3, seed: 1, hidden: 48 });
const b = makeLlama(join(folder, "b"), { layers: 3, seed: 2, hidden: 48 }, { shards: 3 });
const c = makeLlama(join(folder, "c"), { layers: 3, seed: 3, hidden: 48, dtype: "F16" });
const wide = makeLlama(join(folder, "wide"), { layers: 3, seed: 4, hidden: 48, vocab: 20 });

const INNER: Readonly<Record<string, string>> = {
  linear: `merge_method: linear
models: [{model: ${a}, parameters: {weight: 0.75}}, {model: ${b}, parameters: {weight: 0.5}}]
dtype: float16`,
  slerp: `merge_method: slerp
base_model: ${a}
models: [{model: ${a}}, {model: ${c}}]
parameters: {t: [{filter: mlp, value: [0, 1]}, {value: 0.3}]}`,
  ties: `merge_method: ties
base_model: ${a}
models: [{model: ${b}}, {model: ${c}}]
parameters: {weight: 0.6, density: 0.4, rescale: true}`,
  della: `merge_method: della
base_model: ${a}
models: [{model: ${b}}, {model: ${c}}]
parameters: {weight: 0.6, density: 0.4, epsilon: 0.1}
dtype: float32`,
  layers: `merge_method: passthrough
slices:
  - sources: [{model: ${a}, layer_range: [0, 2]}]
  - sources: [{model: ${b}, layer_range: [2, 3]}]`,
  "other vocabulary": `merge_method: linear
models: [{model: ${wide}, parameters: {weight: 0.5}}, {model: ${wide}, parameters: {weight: 2}}]`,
};

const OUTER: Readonly<Record<string, string>> = {
  linear: `merge_method: linear
models: [{model: inner, parameters: {weight: 1}}, {model: ${c}, parameters: {weight: 0.4}}]`,
  slerp: `merge_method: slerp
base_model: inner
models: [{model: inner}, {model: ${b}}]
parameters: {t: 0.4}`,
  ties: `merge_method: ties
base_model: ${a}
models: [{model: inner}, {model: ${c}}]
parameters: {weight: 1, density: 0.3}`,
  "arcee_fusion on it": `merge_method: arcee_fusion
base_model: inner
models: [{model: ${b}}]`,
  passthrough: `merge_method: passthrough
models: [{model: inner}]
dtype: float32`,
};

let number = 0;
function recipe(...documents: string[]): string {
  const path = join(folder, `recipe-${number++}.yml`);
  writeFileSync(path, documents.join("\n---\n"));
  return path;
}

function fresh(more: Partial<MergeOptions> = {}): MergeOptions {
  return { out: join(folder, `out-${number++}`), sync: false, ...more };
}

/** Everything but what names paths: manifest, card. */
function small(path: string): Record<string, string> {
  const content = folderContent(path);
  return { "config.json": content["config.json"] };
}

describe.each(BACKENDS)("on %s", (backend) => {
  const pairs = Object.keys(INNER).flatMap((x) => Object.keys(OUTER).map((y) => [x, y]));
  test.each(pairs)("%s inside %s", async (inner, outer) => {
    const path = recipe(`name: inner\n${INNER[inner]}`, OUTER[outer]);
    const [together, apart] = [fresh({ backend }), fresh({ backend })];
    await merge(path, together);
    await merge(path, { ...apart, intermediateDir: join(folder, `parts-${number++}`) });
    expect(tensorContent(together.out)).toEqual(tensorContent(apart.out));
    expect(small(together.out)).toEqual(small(apart.out));
  });

  test("a chain, a diamond and a result used twice", async () => {
    const path = recipe(
      `name: x\n${INNER.slerp}`,
      `name: y\n${OUTER.linear.replaceAll("inner", "x")}`,
      `name: z\n${OUTER.slerp.replaceAll("inner", "x")}`,
      OUTER.ties.replaceAll("inner", "y").replaceAll(c, "z"),
    );
    const [together, apart] = [fresh({ backend }), fresh({ backend })];
    await merge(path, together);
    await merge(path, { ...apart, intermediateDir: join(folder, `parts-${number++}`) });
    expect(tensorContent(together.out)).toEqual(tensorContent(apart.out));
  });
});

test("the same on every backend, target and number of threads", async () => {
  const path = recipe(`name: inner\n${INNER.ties}`, OUTER.slerp);
  const targets = backendInfo().targets.flatMap((isa) => {
    return [1, 2, 7].map((threads) => ({ backend: "native", isa, threads }) as const);
  });
  const contents = new Set<string>();
  for (const options of [{ backend: "reference" } as const, ...targets]) {
    for (const io of ["mmap", "pread"] as const) {
      const into = fresh({ ...options, io });
      await merge(path, into);
      contents.add(JSON.stringify(tensorContent(into.out)));
    }
  }
  expect(contents.size).toBe(1);
});

/** Tensor files beside the output, while a merge with these options runs. */
async function filesMeanwhile(path: string, more: Partial<MergeOptions>): Promise<string[]> {
  const into = fresh(more);
  const seen = new Set<string>();
  const onProgress = () => {
    for (const name of readdirSync(folder)) {
      if (!name.startsWith(`${into.out.slice(folder.length + 1)}.weightloom-parts-`)) continue;
      for (const file of readdirSync(join(folder, name), { recursive: true })) {
        if (String(file).endsWith(".safetensors")) seen.add(String(file));
      }
    }
  };
  await merge(path, { ...into, onProgress });
  expect(existsSync(into.out)).toBe(true);
  return [...seen];
}

describe("tensors of an intermediate model", () => {
  test("are not written", async () => {
    const path = recipe(`name: inner\n${INNER.ties}`, OUTER.ties);
    expect(await filesMeanwhile(path, {})).toEqual([]);
  });

  test.each([
    [
      "density_scope: model",
      {},
      OUTER.ties.replace("density: 0.3", "density: 0.3, density_scope: model"),
    ],
    [
      "random: torch-cpu",
      { random: "torch-cpu" },
      OUTER.ties.replace("merge_method: ties", "merge_method: dare_ties"),
    ],
  ] as const)("are written, and removed, with %s", async (_, options, outer) => {
    const path = recipe(`name: inner\n${INNER.ties}`, outer);
    expect(await filesMeanwhile(path, options)).toContain("inner/model.safetensors");
    expect(readdirSync(folder).filter((name) => name.includes(".weightloom-"))).toEqual([]);
  });
});
