import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { type MergeOptions, merge, type Progress, plan } from "../../lib/merge.ts";
import { openModel } from "../../lib/model.ts";
import { outputBytes } from "../../lib/plan/explain.ts";
import type { RecipeObject } from "../../lib/recipe-object.ts";
import { backendInfo } from "../../lib/run/backend.ts";
import { BACKENDS } from "../backends.ts";
import {
  folderContent,
  listTree,
  llama,
  makeLlama,
  makeModel,
  refusal,
  tensorContent,
  useFolder,
} from "../make.ts";
import { askOften } from "../ticks.ts";

const EXAMPLES = join(import.meta.dirname, "../../examples");
const folder = useFolder("merge");
const base = makeLlama(join(folder, "base"), { seed: 1 });
const a = makeLlama(join(folder, "a"), { seed: 2 }, { shards: 2 });
const b = makeLlama(join(folder, "b"), { seed: 3, dtype: "F16" });

const average: RecipeObject = {
  merge_method: "linear",
  models: [{ model: a }, { model: b }],
  parameters: { weight: [0.25, 0.75] },
};
const task = {
  base_model: base,
  models: [{ model: a, parameters: { weight: 0.7 } }, { model: b }],
  parameters: { weight: 0.4, density: 0.6 },
} as const;
const RECIPES: Record<string, RecipeObject> = {
  linear: average,
  "linear to float32": { ...average, dtype: "float32" },
  slerp: {
    merge_method: "slerp",
    base_model: a,
    models: [{ model: a }, { model: b }],
    parameters: { t: [{ filter: "mlp", value: [0, 1] }, { value: 0.4 }] },
  },
  task_arithmetic: { merge_method: "task_arithmetic", ...task },
  ties: { merge_method: "ties", ...task, out_dtype: "float16" },
  dare_linear: { merge_method: "dare_linear", ...task },
  dare_ties: { merge_method: "dare_ties", ...task },
  passthrough: {
    merge_method: "passthrough",
    slices: [a, b].map((model) => ({ sources: [{ model, layer_range: [0, 1] as const }] })),
  },
};

let outputs = 0;
function freshOut(): string {
  return join(folder, `outs`, `out-${outputs++}`);
}

/** Merges to a fresh folder and returns its files. */
async function contentOf(
  recipe: string | RecipeObject,
  options: Partial<MergeOptions> = {},
): Promise<Record<string, string>> {
  const { out } = await merge(recipe, { out: freshOut(), ...options });
  return folderContent(out);
}

describe("the same bytes", () => {
  test.each(Object.keys(RECIPES))("by native and reference: %s", async (name) => {
    const native = await contentOf(RECIPES[name], { backend: BACKENDS[0] });
    const reference = await contentOf(RECIPES[name], { backend: "reference" });
    expect(Object.keys(native)).toEqual(Object.keys(reference));
    expect(native).toEqual(reference);
  });

  test("by native and reference, of trained models", async () => {
    const recipe = join(EXAMPLES, "tiny-family/ties.yml");
    const options = { shardSize: 500_000 };
    const native = await contentOf(recipe, { backend: BACKENDS[0], ...options });
    const reference = await contentOf(recipe, { backend: "reference", ...options });
    expect(Object.keys(native)).toContain("model-00005-of-00005.safetensors");
    expect(native).toEqual(reference);
  });

  const recipe: RecipeObject = {
    merge_method: "dare_ties",
    base_model: join(EXAMPLES, "models/base"),
    models: ["sort", "add"].map((name) => ({ model: join(EXAMPLES, "models", name) })),
    parameters: { weight: 0.6, density: 0.4 },
  };
  test.each<Partial<MergeOptions>>([
    { threads: 1 },
    { threads: 2 },
    { threads: 7 },
    { io: "mmap" },
    { io: "pread" },
    { io: "pread", threads: 7 },
    { sync: false },
    { maxMemory: 1_000_000_000 },
    ...backendInfo().targets.map((isa) => ({ isa })),
  ])("with %j", async (options) => {
    KNOWN ??= await contentOf(recipe);
    expect(await contentOf(recipe, options)).toEqual(KNOWN);
  });
  let KNOWN: Record<string, string> | undefined;

  test("for the same seed, and other bytes for another", async () => {
    const seven = await contentOf(RECIPES.dare_linear, { seed: 7 });
    expect(await contentOf(RECIPES.dare_linear, { seed: 7n })).toEqual(seven);
    const eight = await contentOf(RECIPES.dare_linear, { seed: 8 });
    expect(eight["model.safetensors"]).not.toEqual(seven["model.safetensors"]);
    const zero = await contentOf(RECIPES.dare_linear, { seed: 0 });
    expect(await contentOf(RECIPES.dare_linear)).toEqual(zero);
  });

  test("of tensors in one file and in shards", async () => {
    const whole = freshOut();
    const parts = freshOut();
    await merge(RECIPES.ties, { out: whole, shardSize: 0 });
    await merge(RECIPES.ties, { out: parts, shardSize: 300 });
    expect(readdirSync(whole)).toContain("model.safetensors");
    expect(readdirSync(whole)).not.toContain("model.safetensors.index.json");
    expect(tensorContent(parts)).toEqual(tensorContent(whole));
  });
});

test("a sharded output has an index that agrees with its files", async () => {
  const out = freshOut();
  const { plan: made } = await merge(average, { out, shardSize: 300 });
  const index = JSON.parse(readFileSync(join(out, "model.safetensors.index.json"), "utf8"));
  const held = made.steps.map(({ tensor, shard }) => [tensor, made.shards[shard].name]);
  expect(made.shards.length).toBeGreaterThan(2);
  expect(index.weight_map).toEqual(Object.fromEntries(held));
  expect(index.metadata.total_size).toBe(outputBytes(made));
  expect(openModel(out).tensors.size).toBe(made.steps.length);
});

describe("layers stacked by passthrough", () => {
  const [first, second] = ["base", "sort"].map((name) => join(EXAMPLES, "models", name));
  const recipe: RecipeObject = {
    merge_method: "passthrough",
    slices: [
      { sources: [{ model: first, layer_range: [0, 4] }] },
      { sources: [{ model: second, layer_range: [1, 5] }] },
    ],
  };

  test("are byte copies of their sources", async () => {
    const { out, plan: made } = await merge(recipe, { out: freshOut() });
    const sources = [tensorContent(first), tensorContent(second)];
    const got = tensorContent(out);
    const names = Object.keys(got);
    expect(names).toHaveLength(made.steps.length);
    expect(names.filter((name) => name.includes("layers.7."))).toHaveLength(9);
    for (const { tensor, inputs } of made.steps) {
      expect(got[tensor], tensor).toBe(sources[inputs[0].model][inputs[0].tensor]);
    }
    const taken = sources[1]["model.layers.1.mlp.up_proj.weight"];
    expect(got["model.layers.4.mlp.up_proj.weight"]).toBe(taken);
  });

  test("have config.json count them, and nothing else changed", async () => {
    const { out } = await merge(recipe, { out: freshOut() });
    const before = JSON.parse(readFileSync(join(first, "config.json"), "utf8"));
    const after = JSON.parse(readFileSync(join(out, "config.json"), "utf8"));
    expect(after).toEqual({ ...before, num_hidden_layers: 8 });
  });
});

describe("a result", () => {
  test("says where, how, and what was noted", async () => {
    const out = freshOut();
    const larger = makeLlama(join(folder, "larger"), { vocab: 20 });
    const recipe: RecipeObject = {
      merge_method: "linear",
      models: [{ model: a }, { model: larger }],
      parameters: { weight: 1, density: 0.5 },
    };
    const result = await merge(recipe, { out, backend: "reference" });
    expect(result).toMatchObject({ out, backend: "reference", nonfinite: [] });
    expect(result.seconds).toBeGreaterThan(0);
    expect(result.plan.hash).toBe((await plan(recipe)).hash);
    expect(result.notes).toHaveLength(3);
    expect((await plan(recipe)).notes).toEqual(result.notes);
  });

  test.each(BACKENDS)("counts what is not finite: %s", async (backend) => {
    const values = [Number.NaN, Number.POSITIVE_INFINITY, 60_000, 1];
    const odd = makeModel(join(folder, `odd-${backend}`), {
      fine: { dtype: "F32", shape: [4] },
      w: { dtype: "F32", shape: [4], values },
    });
    const recipe: RecipeObject = {
      merge_method: "linear",
      models: [{ model: odd, parameters: { weight: 2 } }],
      parameters: { normalize: false },
      dtype: "float16",
    };
    const { nonfinite } = await merge(recipe, { out: freshOut(), backend });
    expect(nonfinite).toEqual([
      { tensor: "w", nanFromInput: 1, nanBorn: 0, overflowFromInput: 1, overflowBorn: 1 },
    ]);
  });
});

describe("progress", () => {
  async function watch(backend: "native" | "reference") {
    const seen: Progress[] = [];
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    askOften();
    const onProgress = (progress: Progress) => seen.push(progress);
    const recipe = join(EXAMPLES, "tiny-family/ties.yml");
    const { plan: made } = await merge(recipe, { out: freshOut(), backend, onProgress });
    clearInterval(timer);
    return { seen, turns, made };
  }

  test.each(BACKENDS)("goes up to the total: %s", async (backend) => {
    const { seen, turns, made } = await watch(backend);
    const total = outputBytes(made);
    const done = seen.map(({ bytesDone }) => bytesDone);
    expect(done).toEqual([...done].sort((x, y) => x - y));
    expect(done.at(-1)).toBe(total);
    expect(seen.every(({ bytesTotal }) => bytesTotal === total)).toBe(true);
    const names = new Set(made.steps.map(({ tensor }) => tensor));
    expect(seen.every(({ tensor }) => names.has(tensor))).toBe(true);
    if (backend === "native") return;
    // The reference works on the event loop, and must let others have their turn.
    expect(seen.length).toBeGreaterThan(2);
    expect(turns).toBeGreaterThan(2);
  });
});

describe("recipes", () => {
  test("as object and as YAML make the same plan and the same bytes", async () => {
    const path = join(folder, "same.yml");
    writeFileSync(
      path,
      `merge_method: ties
base_model: ${base}
models:
  - model: ${a}
    parameters:
      weight: 0.7
  - model: ${b}
parameters: {weight: 0.4, density: 0.6}
out_dtype: float16
`,
    );
    expect((await plan(path)).hash).toBe((await plan(RECIPES.ties)).hash);
    const fromFile = await contentOf(path);
    const fromObject = await contentOf(RECIPES.ties);
    expect(fromFile["model.safetensors"]).toBe(fromObject["model.safetensors"]);
    expect(fromFile["weightloom.manifest.json"]).toBe(fromObject["weightloom.manifest.json"]);
    expect(fromFile["mergekit_config.yml"]).toBe(readFileSync(path, "utf8"));
  });

  test("the recipe in an output merges to the same output again", async () => {
    const first = freshOut();
    await merge(RECIPES.dare_ties, { out: first, seed: 3 });
    const again = await contentOf(join(first, "mergekit_config.yml"), { seed: 3 });
    expect(again).toEqual(folderContent(first));
  });

  function recipeBeside(name: string, model: string): string {
    const path = join(folder, name, "recipe.yml");
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `merge_method: passthrough\nmodels:\n  - model: ${model}\n`);
    return path;
  }

  test("find models from the recipe's folder", async () => {
    const recipe = recipeBeside("recipes", "../a");
    expect((await plan(recipe)).sources.map(({ path }) => dirname(path))).toEqual([a, a]);
  });

  test("find models from the working directory", async () => {
    const recipe = recipeBeside("recipes-cwd", relative(process.cwd(), a));
    expect((await plan(recipe)).sources.map(({ path }) => dirname(path))).toEqual([a, a]);
  });

  test("find models from the working directory before the recipe's folder", async () => {
    const path = relative(process.cwd(), join(EXAMPLES, "models/base"));
    const recipe = recipeBeside("recipes-both", path);
    makeLlama(join(dirname(recipe), path), {});
    const [{ path: found }] = (await plan(recipe)).sources;
    expect(dirname(found)).toBe(join(EXAMPLES, "models/base"));
  });

  test("as objects find models from the working directory only", async () => {
    const models = [{ model: relative(process.cwd(), a) }];
    expect((await plan({ merge_method: "passthrough", models })).steps).toHaveLength(9);
    const error = await refusal(() =>
      plan({ merge_method: "passthrough", models: [{ model: "a" }] }),
    );
    expect(error.code).toBe("MODEL_NOT_FOUND");
  });
});

describe("the output folder", () => {
  test.each(["not there", "empty", "below folders that are not there"])(
    "may be %s",
    async (how) => {
      const out = how.startsWith("below") ? join(freshOut(), "x/y") : freshOut();
      if (how === "empty") mkdirSync(out, { recursive: true });
      await merge(average, { out });
      expect(openModel(out).tensors.size).toBe(9);
      expect(readdirSync(dirname(out)).filter((name) => name.startsWith("out-"))).toEqual(
        expect.not.arrayContaining([expect.stringContaining("weightloom")]),
      );
    },
  );

  test("may be a link to an empty folder, which gets the model", async () => {
    const real = freshOut();
    const link = freshOut();
    mkdirSync(real, { recursive: true });
    symlinkSync(real, link);
    await merge(average, { out: link });
    expect(openModel(link).tensors.size).toBe(9);
    expect(openModel(real).tensors.size).toBe(9);
  });

  test("with something in it is refused and left as it is", async () => {
    const out = freshOut();
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, "mine.txt"), "mine");
    const before = listTree(dirname(out));
    const error = await refusal(() => merge(average, { out }));
    expect(error.code).toBe("OUTPUT_EXISTS");
    expect(error.hint).toContain("overwrite");
    expect(listTree(dirname(out))).toEqual(before);
  });

  test("with overwrite is replaced as a whole", async () => {
    const out = freshOut();
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, "mine.txt"), "mine");
    const fresh = await contentOf(average);
    expect(await contentOf(average, { out, overwrite: true })).toEqual(fresh);
    expect(readdirSync(dirname(out)).filter((name) => name.includes("weightloom"))).toEqual([]);
  });

  test.each([true, false])("that is a file is refused, with overwrite %s", async (overwrite) => {
    const out = freshOut();
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, "mine");
    expect((await refusal(() => merge(average, { out, overwrite }))).code).toBe("OUTPUT_EXISTS");
    expect(readFileSync(out, "utf8")).toBe("mine");
  });

  test.each([undefined, "", 7, null])("given as %j is an ARGUMENT error", async (out) => {
    const options = { out } as unknown as MergeOptions;
    expect((await refusal(() => merge(average, options))).code).toBe("ARGUMENT");
  });

  test("of two merges at once into one folder, only one is published", async () => {
    const out = freshOut();
    const ends = await Promise.allSettled([
      merge(RECIPES.dare_linear, { out, seed: 1 }),
      merge(RECIPES.dare_linear, { out, seed: 2 }),
    ]);
    expect(ends.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const winner = ends.findIndex(({ status }) => status === "fulfilled") + 1;
    const alone = await contentOf(RECIPES.dare_linear, { seed: winner });
    expect(folderContent(out)).toEqual(alone);
    expect(readdirSync(dirname(out)).filter((name) => name.includes("weightloom"))).toEqual([]);
  });
});

describe("an output that overlaps an input is refused, with overwrite too", () => {
  const input = makeLlama(join(folder, "models/input"), { seed: 9 });
  const link = join(folder, "link-to-input");
  symlinkSync(input, link);

  /** A folder as a download cache has it: links to blobs that lie elsewhere. */
  function cached(): string {
    const snapshot = makeLlama(join(folder, "cache/snapshots/main"), { seed: 10 });
    const blob = join(folder, "cache/blobs/0123");
    mkdirSync(dirname(blob), { recursive: true });
    renameSync(join(snapshot, "model.safetensors"), blob);
    symlinkSync(blob, join(snapshot, "model.safetensors"));
    return snapshot;
  }
  const snapshot = cached();

  test.each([
    ["the input", input, input],
    ["inside the input", input, join(input, "deep/er")],
    ["a folder that holds the input", input, dirname(input)],
    ["a link to the input", input, link],
    ["inside a link to the input", input, join(link, "out")],
    ["the input, which is given by a link", link, input],
    ["a path with dots", input, join(input, "x", "..", "..", "input")],
    ["a folder of links to the files", snapshot, snapshot],
    ["inside a folder of links to the files", snapshot, join(snapshot, "out")],
    ["the folder that the links point to", snapshot, join(folder, "cache/blobs")],
    ["the folder of a model given by its file", join(input, "model.safetensors"), input],
  ])("%s", async (_, model, out) => {
    const recipe: RecipeObject = {
      merge_method: "linear",
      models: [{ model: base }, { model }],
      parameters: { weight: 1 },
    };
    const before = listTree(folder);
    const error = await refusal(() => merge(recipe, { out, overwrite: true }));
    expect(error.code).toBe("OUTPUT_IS_INPUT");
    expect(listTree(folder)).toEqual(before);
  });

  test("a folder beside it, whose name begins with the input's, is none", async () => {
    await merge({ merge_method: "passthrough", models: [{ model: input }] }, { out: `${input}-2` });
    expect(openModel(`${input}-2`).tensors.size).toBe(9);
  });

  test("the base is an input, also where the method ignores it", async () => {
    const recipe = { ...average, base_model: input };
    const error = await refusal(() => merge(recipe, { out: input, overwrite: true }));
    expect(error.code).toBe("OUTPUT_IS_INPUT");
  });
});

describe("a stage that is there already", () => {
  async function stageFor(out: string, lock: string | undefined): Promise<string> {
    const stage = `${out}.weightloom-${(await plan(average)).hash.slice(0, 12)}`;
    mkdirSync(stage, { recursive: true });
    writeFileSync(join(stage, "model.safetensors"), "half a model");
    if (lock !== undefined) writeFileSync(join(stage, "weightloom.lock"), lock);
    return stage;
  }
  const dead = spawnSync(process.execPath, ["-e", ""]).pid;

  test.each([
    ["of a process that is gone", JSON.stringify({ pid: dead, host: hostname() })],
    ["without a lock", undefined],
    ["with a lock that cannot be read", "{"],
  ])("%s is taken over", async (_, lock) => {
    const out = freshOut();
    const stage = await stageFor(out, lock);
    expect(await contentOf(average, { out })).toEqual(await contentOf(average));
    expect(existsSync(stage)).toBe(false);
  });

  test.each([
    ["of a living process", JSON.stringify({ pid: process.ppid, host: hostname() })],
    ["of another machine", JSON.stringify({ pid: dead, host: `not-${hostname()}` })],
  ])("%s makes the output busy, and is left alone", async (_, lock) => {
    const out = freshOut();
    const stage = await stageFor(out, lock);
    const before = listTree(dirname(out));
    const error = await refusal(() => merge(average, { out }));
    expect(error.code).toBe("OUTPUT_BUSY");
    expect(error.hint).toContain(stage);
    expect(listTree(dirname(out))).toEqual(before);
    rmSync(stage, { recursive: true });
  });

  test("of a merge in this process makes the output busy", async () => {
    const out = freshOut();
    const ends = await Promise.allSettled([merge(average, { out }), merge(average, { out })]);
    const codes = ends.map((end) => (end.status === "rejected" ? end.reason.code : "done"));
    expect(codes.sort()).toEqual(["OUTPUT_BUSY", "done"]);
    expect(openModel(out).tensors.size).toBe(9);
  });
});

describe("arguments", () => {
  test.each<[Partial<Record<keyof MergeOptions, unknown>>, string]>([
    [{ threads: 0 }, "ARGUMENT"],
    [{ threads: 1.5 }, "ARGUMENT"],
    [{ threads: 5000 }, "ARGUMENT"],
    [{ backend: "cuda" }, "BACKEND"],
    [{ isa: "mmx" }, "BACKEND"],
    [{ io: "direct" }, "ARGUMENT"],
    [{ maxMemory: Number.NaN }, "ARGUMENT"],
    [{ maxMemory: "1G" }, "ARGUMENT"],
    [{ maxMemory: -1 }, "ARGUMENT"],
    [{ seed: -1 }, "ARGUMENT"],
    [{ shardSize: 0.5 }, "ARGUMENT"],
  ])("%j is refused before anything is written", async (options, code) => {
    const out = freshOut();
    const before = listTree(folder);
    const all = { out, ...options } as MergeOptions;
    expect((await refusal(() => merge(average, all))).code).toBe(code);
    expect(listTree(folder)).toEqual(before);
  });
});

test("tensors of every shape of file come through: empty, scalar, odd sizes, odd names", async () => {
  const model = makeModel(join(folder, "shapes"), {
    ...llama({ layers: 1 }),
    empty: { dtype: "F32", shape: [0, 3] },
    scalar: { dtype: "F32", shape: [] },
    odd: { dtype: "BOOL", shape: [13] },
    'qu"ote\\ é \u{1f600}': { dtype: "F16", shape: [65_537] },
    steps: { dtype: "I64", shape: [2], values: [2 ** 40, -1] },
  });
  const recipe: RecipeObject = {
    merge_method: "linear",
    models: [{ model }, { model }],
    parameters: { weight: 1 },
  };
  for (const backend of BACKENDS) {
    const out = freshOut();
    await merge(recipe, { out, backend });
    expect(tensorContent(out)).toEqual(tensorContent(model));
  }
});

test("a path with several @ stands in the model card as it is written", async () => {
  const path = makeLlama(join(folder, "a@b@c"));
  const out = join(folder, "of-several-at");
  const models = [{ model: { model: { path } }, parameters: { weight: 1 } }];
  await merge({ merge_method: "linear", models } as never, { out, sync: false });
  expect(readFileSync(join(out, "README.md"), "utf8")).toContain(`\`${path}\``);
});
