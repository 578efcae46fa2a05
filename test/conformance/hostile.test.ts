/** Hostile or careless models, recipes and output paths, carried through a whole merge. */
import { execFileSync } from "node:child_process";
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { ErrorCode } from "../../lib/errors.ts";
import { merge, plan } from "../../lib/merge.ts";
import { openModel } from "../../lib/model.ts";
import type { RecipeObject } from "../../lib/recipe-object.ts";
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

const folder = useFolder("hostile");
let made = 0;

function fresh(): string {
  const path = join(folder, `case-${made++}`);
  mkdirSync(path);
  return path;
}

function mean(...models: string[]): RecipeObject {
  const entries = models.map((model) => ({ model }));
  return { merge_method: "linear", models: entries, parameters: { weight: 1 } };
}

afterEach(() => {
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

describe.each(BACKENDS)("%s: tensor names are names and nothing else", (backend) => {
  const NAMES = [
    ["a prototype", "__proto__"],
    ["a constructor", "constructor"],
    ["methods of objects", "hasOwnProperty"],
    ["a setter", "__defineSetter__"],
    ["nothing", ""],
    ["a space", " "],
    ["a path up", "../../../etc/passwd"],
    ["an absolute path", "/etc/passwd"],
    ["a drive", "C:\\Windows\\x"],
    ["a NUL", "a\0b"],
    ["a terminal escape", "\u001b[2J\u001b[31mred"],
    ["text that runs backwards", "\u202egnp.exe"],
    ["line ends", "a\r\nb\u2028c"],
    ["beyond the basic plane", "\u{1f600}\u{10ffff}"],
    ["two forms of one letter", "\u00e9 e\u0301"],
    ["markup", "<script>`x` | --- |</script>"],
    ["10,000 characters", "x".repeat(10_000)],
    ["a layer beyond any integer", `model.layers.${"9".repeat(40)}.w`],
    ["a layer below zero", "model.layers.-1.w"],
    ["an index of an array", "0"],
  ] as const;

  test.each(NAMES)("%s", async (_, name) => {
    const root = fresh();
    const spec = { dtype: "F32", shape: [3] } as const;
    const tensors = Object.fromEntries([[name, spec]]);
    const a = makeModel(join(root, "a"), { ...llama(), ...tensors });
    const out = join(root, "out");
    await merge(mean(a, a), { out, backend });
    expect(tensorContent(out)).toEqual(tensorContent(a));
    const manifest = readFileSync(join(out, "weightloom.manifest.json"), "utf8");
    expect(() => JSON.parse(manifest)).not.toThrow();
    expect(readdirSync(root).sort()).toEqual(["a", "out"]);
  });

  test("all of them at once, in shards", async () => {
    const root = fresh();
    const spec = { dtype: "BF16", shape: [5, 2] } as const;
    const tensors = Object.fromEntries(NAMES.map(([, name]) => [name, spec]));
    const a = makeModel(join(root, "a"), tensors, { shards: 3 });
    const out = join(root, "out");
    await merge(mean(a, a), { out, backend, shardSize: 40 });
    expect(tensorContent(out)).toEqual(tensorContent(a));
  });
});

describe("keys of config.json are data", () => {
  const TEXTS = [
    ["a prototype", '{"__proto__":{"polluted":1},"num_hidden_layers":2}'],
    ["a nested prototype", '{"text_config":{"__proto__":{"polluted":1}}}'],
    ["a constructor", '{"constructor":{"prototype":{"polluted":1}}}'],
    ["methods", '{"toString":1,"hasOwnProperty":2,"toJSON":3,"then":4}'],
    ["a layer count that is none", '{"num_hidden_layers":{"__proto__":null}}'],
    ["numbers beyond doubles", '{"big":123456789012345678901234567890,"tiny":1e-999}'],
  ] as const;
  test.each(TEXTS)("%s", async (_, text) => {
    const root = fresh();
    const a = makeModel(join(root, "a"), llama(), {
      config: null,
      companions: { "config.json": text },
    });
    const out = join(root, "out");
    await merge(mean(a, a), { out });
    const { text_config: _text, ...given } = JSON.parse(text);
    const written = JSON.parse(readFileSync(join(out, "config.json"), "utf8"));
    expect(Object.keys(written)).toEqual(expect.arrayContaining(Object.keys(given)));
  });
});

describe("a weight_map cannot lead out of its folder", () => {
  const SHARDS = [
    "../secret.safetensors",
    "..\\secret.safetensors",
    "x/../../secret.safetensors",
    "./../secret.safetensors",
    "file:../secret.safetensors",
    "https://example.org/secret.safetensors",
    "..",
    "secret.safetensors/",
    "secret.safetensors\0.safetensors",
  ];
  test.each([...SHARDS, "ABSOLUTE"])("%j", async (shard) => {
    const root = fresh();
    makeModel(join(root, "secret"), llama());
    const secret = join(root, "secret/model.safetensors");
    const a = join(root, "a");
    mkdirSync(a);
    const target = shard === "ABSOLUTE" ? secret : shard;
    const map = Object.fromEntries(Object.keys(llama()).map((name) => [name, target]));
    writeFileSync(join(root, "secret.safetensors"), readFileSync(secret));
    const index = JSON.stringify({ metadata: {}, weight_map: map });
    writeFileSync(join(a, "model.safetensors.index.json"), index);
    const before = listTree(root);
    const error = await refusal(() => merge(mean(a, a), { out: join(root, "out") }));
    expect(error.code).toBe("SHARD_NAME");
    expect(listTree(root)).toEqual(before);
  });
});

describe("a recipe file is refused before any model is looked at", () => {
  const LAUGHS = Array.from({ length: 9 }, (_, i) => {
    const item = i === 0 ? "lol" : `*a${i - 1}`;
    return `a${i}: &a${i} [${`${item}, `.repeat(9)}]`;
  }).join("\n");
  const models = (count: number) => "  - model: nowhere\n".repeat(count);
  const ROWS: [string, string, ErrorCode][] = [
    ["a billion laughs", `${LAUGHS}\nmerge_method: linear\n`, "RECIPE_TOO_LARGE"],
    ["20,000 brackets", `models: ${"[".repeat(20_000)}`, "RECIPE_TOO_LARGE"],
    ["a megabyte and more", "#".repeat(1_000_001), "RECIPE_TOO_LARGE"],
    ["10,001 sources", `merge_method: linear\nmodels:\n${models(10_001)}`, "RECIPE_TOO_LARGE"],
    ["a prototype", "__proto__: {merge_method: linear}\n", "SEVERAL_PROBLEMS"],
    ["a tag that runs code", "a: !!python/object/apply:os.system [ls]\n", "RECIPE_NOT_YAML"],
    ["a duplicate key", "models: []\nmodels: []\n", "RECIPE_NOT_YAML"],
    [
      "a weight that is no number",
      "merge_method: linear\nmodels:\n  - model: a\n    parameters: {weight: .nan}\n",
      "OUT_OF_RANGE",
    ],
    [
      "a weight beyond doubles",
      "merge_method: linear\nmodels:\n  - model: a\n    parameters: {weight: 1e999}\n",
      "OUT_OF_RANGE",
    ],
  ];
  test.each(ROWS)("%s", async (_, text, code) => {
    const root = fresh();
    const recipe = join(root, "recipe.yml");
    writeFileSync(recipe, text);
    const started = performance.now();
    const error = await refusal(() => merge(recipe, { out: join(root, "out") }));
    expect(error.code).toBe(code);
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(readdirSync(root)).toEqual(["recipe.yml"]);
  });
});

describe("a model path that leads nowhere has a code", () => {
  const PATHS = [
    "nowhere",
    "/",
    "/dev/zero",
    "/dev/null",
    "/proc/self/mem",
    "~",
    "$HOME",
    "file:///etc/passwd",
    "a\0b",
    "\u001b[31m",
    "x".repeat(5000),
    `${"a/".repeat(3000)}b`,
    "__proto__",
    "..",
    " ",
    "-",
    "@",
    "a@b@c",
  ];
  test.each(PATHS)("%j", async (model) => {
    const root = fresh();
    const recipe = mean(model);
    const options = { out: join(root, "out"), offline: true, cacheDir: root };
    const { code, message } = await refusal(() => merge(recipe, options));
    expect(code).not.toBe("INTERNAL");
    expect(message).toMatch(/^[^\p{Cc}]*(\n[^\p{Cc}]*)*$/u);
    expect(message.length).toBeLessThan(2000);
    expect(readdirSync(root)).toEqual([]);
  });
});

describe.skipIf(process.platform === "win32")("an output path", () => {
  const NAMES = [
    "with spaces",
    "-rf",
    "--help",
    "ü \u{1f600}",
    "new\nline",
    "tab\tescape\u001b[31m",
    "a:b",
    "%00",
    "$(touch x)",
    "'\"`",
    "x.weightloom-old",
    "CON",
    "x".repeat(200),
  ];
  test.each(NAMES)("of any characters is the folder's name: %j", async (name) => {
    const root = fresh();
    const a = makeLlama(join(root, "a"));
    await merge(mean(a, a), { out: join(root, name) });
    expect(tensorContent(join(root, name))).toEqual(tensorContent(a));
    expect(readdirSync(root).sort()).toEqual(["a", name].sort());
  });

  test.each([240, 255, 256, 5000])("with a name of %d characters is refused", async (length) => {
    const root = fresh();
    const a = makeLlama(join(root, "a"));
    const before = listTree(root);
    const error = await refusal(() => merge(mean(a, a), { out: join(root, "x".repeat(length)) }));
    expect(error.code).toBe("WRITE_FAILED");
    expect(listTree(root)).toEqual(before);
  });

  const OBSTACLES: [string, (path: string) => void][] = [
    ["a link that leads nowhere", (path) => symlinkSync("nowhere", path)],
    ["a link to itself", (path) => symlinkSync(path, path)],
    ["a pipe", (path) => execFileSync("mkfifo", [path])],
    ["a device", (path) => symlinkSync("/dev/null", path)],
    ["a file", (path) => writeFileSync(path, "mine")],
  ];
  test.each(OBSTACLES)("where there is %s is refused, with overwrite too", async (_, put) => {
    const root = fresh();
    const a = makeLlama(join(root, "a"));
    const out = join(root, "out");
    put(out);
    const before = readdirSync(root);
    for (const overwrite of [false, true]) {
      const error = await refusal(() => merge(mean(a, a), { out, overwrite }));
      expect(["OUTPUT_EXISTS", "WRITE_FAILED"]).toContain(error.code);
      expect(readdirSync(root)).toEqual(before);
    }
  });

  test("whose old files are hard links to the inputs leaves the inputs as they are", async () => {
    const root = fresh();
    const a = makeLlama(join(root, "a"), { seed: 1 });
    const b = makeLlama(join(root, "b"), { seed: 2 });
    const out = join(root, "out");
    mkdirSync(out);
    for (const name of readdirSync(a)) linkSync(join(a, name), join(out, name));
    const before = [folderContent(a), folderContent(b)];
    await merge(mean(a, b), { out, overwrite: true });
    expect([folderContent(a), folderContent(b)]).toEqual(before);
    expect(tensorContent(out)).not.toEqual(tensorContent(a));
  });

  test("whose old files are links to the inputs leaves the inputs as they are", async () => {
    const root = fresh();
    const a = makeLlama(join(root, "a"), { seed: 1 });
    const out = join(root, "out");
    mkdirSync(out);
    for (const name of readdirSync(a)) symlinkSync(join(a, name), join(out, name));
    const before = folderContent(a);
    await merge(mean(a, a), { out, overwrite: true });
    expect(folderContent(a)).toEqual(before);
    expect(tensorContent(out)).toEqual(tensorContent(a));
  });

  test("through a link to another folder is not an input's for that", async () => {
    const root = fresh();
    const a = makeLlama(join(root, "a"));
    mkdirSync(join(root, "real"));
    symlinkSync(join(root, "real"), join(root, "link"));
    await merge(mean(a, a), { out: join(root, "link/out") });
    expect(openModel(join(root, "real/out")).tensors.size).toBeGreaterThan(0);
  });
});

test("30,000 tensors are planned in the time of 30,000, not of their square", async () => {
  const root = fresh();
  const count = (n: number) => {
    const names = Array.from({ length: n }, (_, i) => [
      `model.layers.${i}.w`,
      { dtype: "F32", shape: [1] },
    ]);
    return makeModel(join(root, `of-${n}`), Object.fromEntries(names));
  };
  const time = async (path: string) => {
    const started = performance.now();
    await plan(mean(path, path));
    return performance.now() - started;
  };
  const [few, many] = [count(3000), count(30_000)];
  await time(few);
  const short = Math.min(await time(few), await time(few));
  expect(await time(many)).toBeLessThan(Math.max(40 * short, 1000));
});
