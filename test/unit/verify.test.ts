import {
  closeSync,
  cpSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { average } from "../../lib/average.ts";
import { merge } from "../../lib/merge.ts";
import { defineMethod } from "../../lib/methods/custom.ts";
import { openModel } from "../../lib/model.ts";
import type { RecipeObject } from "../../lib/recipe-object.ts";
import { type Verification, verify } from "../../lib/verify.ts";
import { BACKENDS } from "../backends.ts";
import { makeModel, refusal, type Tensors, useFolder } from "../make.ts";

const folder = useFolder("verify");
const tensors = (seed: number): Tensors => ({
  "layers.0.w": { dtype: "BF16", shape: [300, 300], seed },
  "layers.1.w": { dtype: "BF16", shape: [40, 30], seed },
  embedding: { dtype: "F32", shape: [7], seed },
  ids: { dtype: "I64", shape: [2], values: [1, 2] },
});
const [base, a, b] = ["base", "a", "b"].map((name, seed) => {
  return makeModel(join(folder, name), tensors(seed + 1));
});
const ties = (more: object = {}): RecipeObject => ({
  merge_method: "ties",
  base_model: base,
  models: [a, b].map((model) => ({ model, parameters: { weight: 1, density: 0.3 } })),
  ...more,
});

/** A copy of a merged model, to be damaged. */
let copies = 0;
const merged = join(folder, "merged");
function copyOf(model: string): string {
  const copy = join(folder, `copy-${++copies}`);
  cpSync(model, copy, { recursive: true });
  return copy;
}

/** Turns a bit of the file at `byte`. */
function flip(file: string, byte: number): void {
  const value = readFileSync(file)[byte] ^ 1;
  const descriptor = openSync(file, "r+");
  writeSync(descriptor, Uint8Array.of(value), 0, 1, byte);
  closeSync(descriptor);
}

const differing = ({ tensors: all }: Verification) => {
  return all.filter(({ state }) => state !== "same").map(({ tensor, state }) => [tensor, state]);
};

beforeAll(() => merge(ties(), { out: merged, shardSize: 100_000 }));

describe.each(BACKENDS)("on the %s backend", (backend) => {
  test("what was merged is the same, and merges to the same", async () => {
    const plain = await verify(merged, { backend });
    expect(plain).toMatchObject({ same: true, method: "ties", path: merged });
    expect(plain.tensors.map(({ replayed }) => replayed)).toEqual([null, null, null, null]);
    expect(plain.inputs.map(({ state }) => state)).toEqual(["same", "same", "same"]);
    const again = await verify(merged, { backend, replay: true });
    expect(again.same).toBe(true);
    for (const { recorded, stored, replayed } of again.tensors) {
      expect([stored, replayed]).toEqual([recorded, recorded]);
    }
  });

  test("one bit that has changed is found, in its tensor", async () => {
    const copy = copyOf(merged);
    const model = openModel(copy);
    const { file, offset, bytes } = model.tensors.get("layers.0.w") as never as Record<
      string,
      number
    >;
    flip(model.files[file].path, offset + bytes - 1);
    const found = await verify(copy, { backend });
    expect(found.same).toBe(false);
    expect(differing(found)).toEqual([["layers.0.w", "changed"]]);
    expect(found.outputs.every(({ problem }) => problem === null)).toBe(true);
  });
});

const METHODS: Record<string, [RecipeObject, object?]> = {
  "random choices": [ties({ merge_method: "dare_ties" }), { seed: 7n }],
  "torch's stream": [ties({ merge_method: "dare_linear" }), { random: "torch-cpu" }],
  "selections over the whole model": [ties({ parameters: { density_scope: "model" } })],
  "coefficients of a Gram matrix": [
    {
      merge_method: "slerp",
      base_model: a,
      models: [{ model: a }, { model: b }],
      parameters: { t: 0.3 },
    },
  ],
  "another dtype": [
    { merge_method: "linear", models: [{ model: a, parameters: { weight: 1 } }], dtype: "float16" },
  ],
};
test.each(Object.entries(METHODS))("a replay repeats %s", async (name, [recipe, options]) => {
  const out = join(folder, name.replaceAll(/\W/g, "-"));
  await merge(recipe, { out, ...options });
  expect(await verify(out, { replay: true })).toMatchObject({ same: true });
});

test.each(["torch-cpu", "philox"] as const)(
  "a replay repeats documents of which only the first draws, from %s",
  async (random) => {
    const out = join(folder, `drawn-${random}`);
    const first = ties({ merge_method: "dare_linear", name: "drawn" });
    const last = { merge_method: "linear", models: [{ model: "drawn" }, { model: b }] };
    await merge([first, { ...last, parameters: { weight: 1 } }], { out, random, seed: 5 });
    const found = await verify(out, { replay: true });
    expect(differing(found)).toEqual([]);
    expect(found.tensors.map(({ replayed }) => replayed)).toEqual(
      found.tensors.map(({ recorded }) => recorded),
    );
  },
);

const half = defineMethod({
  name: "half",
  parameters: [{ name: "p", scope: "global", type: "number", optional: true, about: "" }],
  combine({ inputs: [x], out, parameters: { p } }) {
    for (let i = 0; i < out.length; i++) out[i] = Number.isNaN(p) ? x[i] / 2 : p;
  },
});

test("a replay repeats a custom method when it is given", async () => {
  const out = join(folder, "custom");
  await merge({ merge_method: "half", models: [{ model: a }] }, { out, methods: [half] });
  expect(await verify(out, { replay: true, methods: [half] })).toMatchObject({ same: true });
  expect(await refusal(() => verify(out, { replay: true }))).toMatchObject({
    code: "UNSUPPORTED",
    message: expect.stringContaining("half"),
  });
});

describe("damage", () => {
  test("of sizes, shapes and names is told by file and by tensor", async () => {
    const copy = copyOf(merged);
    const [first, second] = openModel(copy).files.map(({ path }) => path);
    truncateSync(first, statSync(first).size - 1);
    makeModel(join(folder, "other"), { embedding: { dtype: "F32", shape: [8] } });
    cpSync(join(folder, "other/model.safetensors"), second);
    const found = await verify(copy);
    expect(found.same).toBe(false);
    expect(found.outputs[0].problem).toContain("expected");
    expect(found.outputs[1].problem).toMatch(/bytes, not/);
    expect(new Set(differing(found).map(([, state]) => state))).toEqual(new Set(["missing"]));
  });

  test("of a shape is told with both", async () => {
    const copy = join(folder, "shape");
    const recipe: RecipeObject = { merge_method: "passthrough", models: [{ model: a }] };
    await merge(recipe, { out: copy });
    makeModel(copy, { ...tensors(2), embedding: { dtype: "F32", shape: [7, 1], seed: 2 } });
    const found = await verify(copy);
    expect(found.tensors.find(({ tensor }) => tensor === "embedding")).toMatchObject({
      state: "changed",
      found: "F32 [7, 1], not F32 [7]",
      stored: null,
    });
    expect(differing(found)).toEqual([["embedding", "changed"]]);
  });

  test("by tensors that were not written is told by file", async () => {
    const copy = join(folder, "more");
    await merge({ merge_method: "passthrough", models: [{ model: a }] }, { out: copy });
    makeModel(copy, { ...tensors(2), more: { dtype: "I8", shape: [1] } });
    const { same, outputs } = await verify(copy);
    expect(same).toBe(false);
    expect(outputs[0].problem).not.toBeNull();
  });
});

describe("inputs", () => {
  const own = join(folder, "own");
  const out = join(folder, "of-own");
  beforeAll(async () => {
    makeModel(own, tensors(9));
    const models = [own, b].map((model) => ({ model, parameters: { weight: 1 } }));
    await merge({ merge_method: "linear", models }, { out });
  });

  test("whose bytes have changed behind the same header show in a replay", async () => {
    const file = join(own, "model.safetensors");
    flip(file, statSync(file).size - 16 - 28 - 1);
    expect(await verify(out)).toMatchObject({ same: true });
    const found = await verify(out, { replay: true });
    expect(found.same).toBe(false);
    expect(differing(found)).toEqual([]);
    const other = found.tensors.filter(({ recorded, replayed }) => recorded !== replayed);
    expect(other.map(({ tensor }) => tensor)).toEqual(["layers.1.w"]);
  });

  test("with another header differ, and cannot be replayed", async () => {
    makeModel(own, { ...tensors(9), more: { dtype: "I8", shape: [1] } });
    const found = await verify(out);
    expect(found.same).toBe(false);
    expect(found.inputs.map(({ state }) => state).sort()).toEqual(["changed", "same"]);
    const refused = await refusal(() => verify(out, { replay: true }));
    expect(refused).toMatchObject({ code: "UNSUPPORTED" });
    expect(refused.message).toContain(own);
  });

  test("that are gone are no difference", async () => {
    renameSync(own, `${own}-moved`);
    const found = await verify(out);
    expect(found.same).toBe(true);
    expect(found.inputs.map(({ state }) => state)).toContain("missing");
  });

  test("that lay there only meanwhile are called passing", async () => {
    const links = Array.from({ length: 257 }, () => a);
    const mean = join(folder, "mean");
    await average(links, { out: mean });
    const found = await verify(mean);
    expect(found.same).toBe(true);
    expect(found.inputs.map(({ state }) => state)).toContain("passing");
    const before = readdirSync(folder);
    const again = await verify(mean, { replay: true });
    expect(again.same).toBe(true);
    expect(again.tensors.every(({ recorded, replayed }) => recorded === replayed)).toBe(true);
    expect(readdirSync(folder)).toEqual(before);
    const options = { replay: true, isa: "scalar", signal: new AbortController().signal };
    expect((await verify(mean, BACKENDS[0] === "native" ? options : { replay: true })).same).toBe(
      true,
    );
    const manifest = JSON.parse(readFileSync(join(mean, "weightloom.manifest.json"), "utf8"));
    manifest.tensors.renamed = manifest.tensors.embedding;
    writeFileSync(join(mean, "weightloom.manifest.json"), JSON.stringify(manifest));
    const renamed = await verify(mean, { replay: true });
    expect(renamed.tensors.find(({ tensor }) => tensor === "renamed")).toMatchObject({
      state: "missing",
      replayed: "",
    });
    rmSync(join(mean, "mergekit_config.yml"));
    const refused = await refusal(() => verify(mean, { replay: true }));
    expect(refused.code).toBe("UNSUPPORTED");
  });
});

describe("manifests", () => {
  const NAME = "weightloom.manifest.json";

  test("must be there", async () => {
    const refused = await refusal(() => verify(a));
    expect(refused).toMatchObject({ code: "MANIFEST", hint: expect.stringContaining("wrote") });
  });

  test("in a folder whose name no system takes are not there", async () => {
    expect(await refusal(() => verify("a\0b"))).toMatchObject({ code: "MANIFEST" });
  });

  test("without tensors have nothing that differs", async () => {
    const copy = copyOf(merged);
    const manifest = JSON.parse(readFileSync(join(copy, NAME), "utf8"));
    writeFileSync(join(copy, NAME), JSON.stringify({ ...manifest, tensors: {}, outputs: [] }));
    const seen: unknown[] = [];
    const onProgress = (progress: object) => seen.push(progress);
    expect(await verify(copy, { onProgress })).toMatchObject({ same: true, tensors: [] });
    expect(seen).toContainEqual({ bytesDone: 0, bytesTotal: 0, tensor: "" });
  });

  test("that leave a tensor out find it in its file", async () => {
    const copy = copyOf(merged);
    const manifest = JSON.parse(readFileSync(join(copy, NAME), "utf8"));
    delete manifest.tensors.embedding;
    writeFileSync(join(copy, NAME), JSON.stringify(manifest));
    const { same, outputs } = await verify(copy);
    expect(same).toBe(false);
    expect(outputs.map(({ problem }) => problem)).toContain("1 tensors that were not written");
  });

  test("with an input at a path that no system takes have a changed one", async () => {
    const copy = copyOf(merged);
    const manifest = JSON.parse(readFileSync(join(copy, NAME), "utf8"));
    manifest.paths.inputs[0] = "a\0b";
    writeFileSync(join(copy, NAME), JSON.stringify(manifest));
    expect((await verify(copy)).inputs[0]).toEqual({ path: "a\0b", state: "changed" });
  });

  const CHANGES: [string, (manifest: Record<string, never>) => unknown, string][] = [
    ["no object", () => [], "the document"],
    ["of another format", (m) => ({ ...m, format: 2 }), "format"],
    ["without tensors", (m) => ({ ...m, tensors: undefined }), "tensors"],
    [
      "with a file outside",
      (m) => ({ ...m, outputs: [{ name: "../x.safetensors", size: 1 }] }),
      "",
    ],
    ["with inputs that are no list", (m) => ({ ...m, inputs: {} }), "inputs to be a list"],
    ["with a version that is no text", (m) => ({ ...m, weightloom: 1 }), "weightloom to be a text"],
    [
      "with a seed that is no number",
      (m) => ({ ...m, recipe: { ...(m.recipe as object), seed: "1x" } }),
      "recipe.seed to be an integer",
    ],
    [
      "with random numbers from elsewhere",
      (m) => ({ ...m, recipe: { ...(m.recipe as object), random: "dice" } }),
      "recipe.random to be torch-cpu, or not there",
    ],
    ["with too few paths", (m) => ({ ...m, paths: { models: [], inputs: [] } }), "paths.inputs"],
    [
      "with a negative size",
      (m) => ({ ...m, outputs: [{ name: "a.safetensors", size: -1 }] }),
      "outputs[0]",
    ],
  ];
  test.each(CHANGES)("%s are refused", async (_, change, path) => {
    const copy = copyOf(merged);
    const manifest = JSON.parse(readFileSync(join(copy, NAME), "utf8"));
    writeFileSync(join(copy, NAME), JSON.stringify(change(manifest)));
    const refused = await refusal(() => verify(copy));
    expect(["MANIFEST", "SHARD_NAME"]).toContain(refused.code);
    expect(refused.message).toContain(path);
  });

  const TENSOR: [string, object, string][] = [
    ["digest", { digest: "xyz" }, "digest"],
    ["dtype", { dtype: "F31" }, "dtype"],
    ["file", { shard: "other.safetensors" }, "shard"],
    ["shape", { shape: [2 ** 40, 2 ** 40] }, "shape"],
    [
      "input",
      { inputs: [{ model: 0, source: 99, tensor: "w", dtype: "F32", offset: 0 }] },
      "inputs[0]",
    ],
  ];
  test.each(TENSOR)("with a wrong %s are refused", async (_, change, path) => {
    const copy = copyOf(merged);
    const manifest = JSON.parse(readFileSync(join(copy, NAME), "utf8"));
    Object.assign(manifest.tensors.embedding, change);
    writeFileSync(join(copy, NAME), JSON.stringify(manifest));
    expect(await refusal(() => verify(copy))).toMatchObject({
      code: "MANIFEST",
      message: expect.stringContaining(`tensors.embedding.${path}`),
      place: { file: join(copy, NAME) },
    });
  });

  test.each([
    null,
    "copy",
    { op: "copy", input: 17 },
    { op: "constructor" },
    { op: "linear", inputs: [0], weights: [1, 2], divisor: null, mean: true },
    { op: "task", inputs: [0], base: 1, sparsify: [{ kind: "none" }] },
  ])("with the operation %j are refused", async (operation) => {
    const copy = copyOf(merged);
    const manifest = JSON.parse(readFileSync(join(copy, NAME), "utf8"));
    manifest.tensors.embedding.operation = operation;
    writeFileSync(join(copy, NAME), JSON.stringify(manifest));
    expect(await refusal(() => verify(copy))).toMatchObject({
      code: "MANIFEST",
      message: expect.stringContaining("tensors.embedding.operation"),
    });
  });
});

test("is cancelled by a signal", async () => {
  const signal = AbortSignal.abort();
  expect(await refusal(() => verify(merged, { signal }))).toMatchObject({ code: "ABORTED" });
});

test("tells its progress up to the end", async () => {
  const run = verify(merged, { replay: true });
  let last: { bytesDone: number; bytesTotal: number } | undefined;
  for await (const each of run) last = each;
  expect(last?.bytesTotal).toBe(2 * (2 * 300 * 300 + 2 * 40 * 30 + 28 + 16));
  expect(last?.bytesDone).toBe(last?.bytesTotal);
});

test("a merged model that was moved is still the same", async () => {
  const moved = join(folder, "moved");
  rmSync(moved, { recursive: true, force: true });
  renameSync(copyOf(merged), moved);
  expect((await verify(moved, { replay: true })).same).toBe(true);
});
