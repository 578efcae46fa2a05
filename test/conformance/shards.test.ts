import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ErrorCode, MergeError } from "../../lib/errors.ts";
import { openModel } from "../../lib/format/model.ts";
import { checkShardName, parseIndex } from "../../lib/format/shards.ts";
import { entry, file } from "./header-cases.ts";

let folder = "";
let made = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "weightloom-shards-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function refusal(run: () => unknown): MergeError {
  try {
    run();
  } catch (error) {
    if (error instanceof MergeError) return error;
    throw error;
  }
  throw new Error("expected a refusal, found none");
}

/** A directory with these files; values are text, bytes, or the tensors of a shard. */
function directory(files: Record<string, string | Uint8Array | readonly string[]>): string {
  const path = join(folder, `model-${made++}`);
  mkdirSync(path);
  for (const [name, content] of Object.entries(files)) {
    const plain = typeof content === "string" || content instanceof Uint8Array;
    writeFileSync(join(path, name), plain ? content : shard(content));
  }
  return path;
}

/** A shard with a tensor of one element for every name. */
function shard(names: readonly string[]): Uint8Array {
  const entries = names.map((name, i) => {
    return `${JSON.stringify(name)}:${entry("F16", "[1]", `[${2 * i},${2 * i + 2}]`)}`;
  });
  return file(`{${entries.join(",")}}`, 2 * names.length);
}

function index(weightMap: Record<string, string>): string {
  return JSON.stringify({ metadata: { total_size: 4 }, weight_map: weightMap });
}

const INDEX = "model.safetensors.index.json";
const A = "model-00001-of-00002.safetensors";
const B = "model-00002-of-00002.safetensors";

describe("shard names", () => {
  test.each([
    "model-00001-of-00002.safetensors",
    "model.safetensors",
    "a b.safetensors",
    "..a.safetensors",
    "\u6a21\u578b.safetensors",
    "console.safetensors",
    `${"x".repeat(243)}.safetensors`,
  ])("%j is accepted", (name) => expect(checkShardName(name)).toBeUndefined());

  test.each([
    "",
    ".",
    "..",
    "../x.safetensors",
    "/x.safetensors",
    "C:\\x.safetensors",
    "C:x.safetensors",
    "\\\\host\\x.safetensors",
    "a/b.safetensors",
    "a\\b.safetensors",
    "x\0.safetensors",
    "x\n.safetensors",
    "x\x7f.safetensors",
    "x\x85.safetensors",
    "x.safetensors:stream",
    "x:y.safetensors",
    "CON",
    "CON.safetensors",
    "nul.safetensors",
    "Com1.x.safetensors",
    "LPT\u00b9.safetensors",
    "aux .safetensors",
    "https://host/x.safetensors",
    "x.bin",
    "x.safetensors ",
    "x.SAFETENSORS",
    "x.safetensors/",
    `${"x".repeat(10_000)}.safetensors`,
    `${"x".repeat(244)}.safetensors`,
    `${"\u00e9".repeat(122)}.safetensors`,
  ])("%j is refused", (name) => {
    const error = refusal(() => checkShardName(name, INDEX));
    expect(error.code).toBe("SHARD_NAME");
    expect(error.place).toEqual({ file: INDEX });
    expect(error.message).toMatch(/^expected \P{Cc}*, found \P{Cc}*$/u);
    expect(error.message.length).toBeLessThan(400);
    const text = index({ t: name });
    expect(refusal(() => parseIndex(Buffer.from(text), INDEX)).code).toBe("SHARD_NAME");
  });
});

describe("index text", () => {
  const parse = (text: string) => parseIndex(Buffer.from(text), INDEX);

  test("what an index says", () => {
    const { weightMap, totalSize } = parse(`{"metadata":{"total_size":4,"other":[1,{"a":null}]},
      "note":{"weight_map":1},"weight_map":{"b":"${B}","__proto__":"${A}"}}`);
    expect([...weightMap]).toEqual([
      ["b", B],
      ["__proto__", A],
    ]);
    expect(totalSize).toBe(4);
  });

  test.each([
    "",
    '"metadata":null,',
    '"metadata":[1],',
    '"metadata":{"total_size":4.5},',
    '"metadata":{"total_size":"4"},',
  ])("%j gives no total size", (metadata) => {
    expect(parse(`{${metadata}"weight_map":{"b":"${B}"}}`)).toEqual({
      weightMap: new Map([["b", B]]),
    });
  });

  test.each<[ErrorCode, string]>([
    ["INDEX_SHAPE", "[]"],
    ["INDEX_SHAPE", "null"],
    ["INDEX_SHAPE", '"weight_map"'],
    ["INDEX_SHAPE", "{}"],
    ["INDEX_SHAPE", '{"weight_map":{}}'],
    ["INDEX_SHAPE", '{"weight_map":[]}'],
    ["INDEX_SHAPE", '{"weight_map":null}'],
    ["INDEX_SHAPE", '{"weight_map":{"t":1}}'],
    ["INDEX_SHAPE", '{"weight_map":{"t":null}}'],
    ["INDEX_SHAPE", '{"weight_map":{"t":["a.safetensors"]}}'],
    ["DUPLICATE_KEY", `{"weight_map":{"t":"${A}","t":"${A}"}}`],
    ["DUPLICATE_KEY", `{"weight_map":{"t":"${A}","\\u0074":"${B}"}}`],
    ["DUPLICATE_KEY", `{"weight_map":{"t":"${A}"},"weight_map":{"t":"${A}"}}`],
    ["DUPLICATE_KEY", `{"metadata":{"a":1,"a":1},"weight_map":{"t":"${A}"}}`],
    ["INDEX_NOT_JSON", ""],
    ["INDEX_NOT_JSON", `{"weight_map":{"t":"${A}"}`],
    ["INDEX_NOT_JSON", `{"weight_map":{"t":"${A}"}}x`],
    ["INDEX_NOT_JSON", `\ufeff{"weight_map":{"t":"${A}"}}`],
    ["INDEX_NOT_JSON", `{"weight_map":{"\\ud800":"${A}"}}`],
    ["INDEX_TOO_LARGE", `{"x":${"[".repeat(100_000)}`],
  ])("%s: %.60s", (code, text) => {
    const error = refusal(() => parse(text));
    expect(error.code, error.message).toBe(code);
    expect(error.place).toEqual({ file: INDEX });
  });

  test("bytes that are not UTF-8", () => {
    const bytes = Buffer.concat([Buffer.from('{"'), Buffer.from([0xff]), Buffer.from('":1}')]);
    expect(refusal(() => parseIndex(bytes)).code).toBe("INDEX_NOT_JSON");
  });

  test("500,000 entries", () => {
    const entries = Array.from({ length: 500_000 }, (_, i) => `"model.layer.${i}.w":"${A}"`);
    const bytes = Buffer.from(`{"weight_map":{${entries.join(",")}}}`);
    const start = performance.now();
    expect(parseIndex(bytes).weightMap.size).toBe(500_000);
    expect(performance.now() - start).toBeLessThan(8000);
  });

  test("10,000 shards, and one more", () => {
    const text = (count: number) => {
      return index(
        Object.fromEntries(Array.from({ length: count }, (_, i) => [`t${i}`, `${i}${A}`])),
      );
    };
    expect(parse(text(10_000)).weightMap.size).toBe(10_000);
    expect(refusal(() => parse(text(10_001))).code).toBe("INDEX_TOO_LARGE");
  });

  test("250 MB is the limit", () => {
    const error = refusal(() => parseIndex(Buffer.alloc(250_000_001)));
    expect(error.code).toBe("INDEX_TOO_LARGE");
  });
});

describe("index against shards", () => {
  const both = { x: A, y: B };

  test("in agreement", () => {
    const path = directory({ [INDEX]: index({ y: B, x: A, w: B }), [A]: ["x"], [B]: ["y", "w"] });
    const model = openModel(path);
    expect(model.files.map((each) => each.path)).toEqual([join(path, A), join(path, B)]);
    expect([...model.tensors.keys()]).toEqual(["x", "y", "w"]);
  });

  test("a file beside the shards does not matter", () => {
    const path = directory({
      [INDEX]: index(both),
      [A]: ["x"],
      [B]: ["y"],
      "consolidated.safetensors": ["x"],
    });
    expect(openModel(path).tensors.size).toBe(2);
  });

  test.each<[string, ErrorCode, RegExp, Record<string, string | readonly string[]>]>([
    [
      "a tensor that no shard has",
      "INDEX_MISMATCH",
      /1 differences?:\n {2}tensor "z": the index says ".*", found in no shard/,
      { [INDEX]: index({ ...both, z: B }), [A]: ["x"], [B]: ["y"] },
    ],
    [
      "a tensor that the index lacks",
      "INDEX_MISMATCH",
      /tensor "z": not in the index, found in "model-00002-of-00002.safetensors"/,
      { [INDEX]: index(both), [A]: ["x"], [B]: ["y", "z"] },
    ],
    [
      "a tensor in another shard",
      "INDEX_MISMATCH",
      /tensor "z": the index says "model-00001.*", found in "model-00002-/,
      { [INDEX]: index({ ...both, z: A }), [A]: ["x"], [B]: ["y", "z"] },
    ],
    [
      "a shard that is not there",
      "SHARD_MISSING",
      /found 1 missing: model-00002-of-00002.safetensors/,
      { [INDEX]: index(both), [A]: ["x"] },
    ],
    [
      "a shard that holds nothing of it",
      "INDEX_MISMATCH",
      /tensor "y": the index says "model-00002.*", found in "model-00001-/,
      { [INDEX]: index(both), [A]: ["x", "y"], [B]: [] },
    ],
    [
      "a tensor in two shards",
      "DUPLICATE_TENSOR",
      /tensor "x": in "model-00001-of-00002.safetensors" and "model-00002-/,
      { [INDEX]: index(both), [A]: ["x"], [B]: ["x", "y"] },
    ],
  ])("%s", (_about, code, message, files) => {
    const path = directory(files);
    const error = refusal(() => openModel(path));
    expect(error.code, error.message).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.place).toEqual({ file: join(path, INDEX) });
  });

  test("the first ten differences are listed", () => {
    const weightMap = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`t${i}`, A]));
    const error = refusal(() => openModel(directory({ [INDEX]: index(weightMap), [A]: ["x"] })));
    expect(error.message.split("\n")).toHaveLength(12);
    expect(error.message).toContain("found 26 differences");
    expect(error.message).toMatch(/and 16 more$/);
  });

  test("a broken shard is named", () => {
    const path = directory({ [INDEX]: index(both), [A]: ["x"], [B]: "{}" });
    const error = refusal(() => openModel(path));
    expect(error.code).toBe("HEADER_TRUNCATED");
    expect(error.place).toEqual({ file: join(path, B) });
  });
});

describe.skipIf(process.platform === "win32")("links", () => {
  /** A snapshot whose files are links to blobs in a sibling folder. */
  function cache(): string {
    const root = directory({});
    const snapshot = join(root, "snapshots", "0123abc");
    mkdirSync(join(root, "blobs"));
    mkdirSync(snapshot, { recursive: true });
    const contents = { [A]: shard(["x"]), [B]: shard(["y"]), [INDEX]: index({ x: A, y: B }) };
    Object.entries({ ...contents, "config.json": "{}" }).forEach(([name, content], i) => {
      writeFileSync(join(root, "blobs", `blob${i}`), content);
      symlinkSync(`../../blobs/blob${i}`, join(snapshot, name));
    });
    return snapshot;
  }

  test("the cache of a model hub is accepted", () => {
    const model = openModel(cache());
    expect([...model.tensors.keys()]).toEqual(["x", "y"]);
    expect(model.config?.text).toBe("{}");
  });

  function fifo(path: string): string {
    execFileSync("mkfifo", [join(path, "target")]);
    return "target";
  }

  const targets: [string, (path: string) => string][] = [
    ["FIFO", fifo],
    ["directory", () => "."],
    ["device", () => "/dev/zero"],
  ];

  test.each(targets)("a shard that is a link to a %s is refused", (_about, target) => {
    const path = directory({ [INDEX]: index({ x: A }) });
    symlinkSync(target(path), join(path, A));
    const error = refusal(() => openModel(path));
    expect(error.code).toBe("NOT_A_FILE");
    expect(error.place).toEqual({ file: join(path, A) });
  });

  test.each(targets)("an index that is a link to a %s is refused", (_about, target) => {
    const path = directory({});
    symlinkSync(target(path), join(path, INDEX));
    expect(refusal(() => openModel(path)).code).toBe("NOT_A_FILE");
  });

  test.each(targets)("a config.json that is a link to a %s is refused", (_about, target) => {
    const path = directory({ "model.safetensors": ["x"] });
    symlinkSync(target(path), join(path, "config.json"));
    expect(refusal(() => openModel(path)).code).toBe("NOT_A_FILE");
  });

  test("a dangling link to a shard is a missing shard", () => {
    const path = directory({ [INDEX]: index({ x: A }) });
    symlinkSync("../../blobs/gone", join(path, A));
    expect(refusal(() => openModel(path)).code).toBe("SHARD_MISSING");
  });

  test("a dangling config.json is refused, not overlooked", () => {
    const path = directory({ "model.safetensors": ["x"] });
    symlinkSync("gone", join(path, "config.json"));
    expect(refusal(() => openModel(path)).code).toBe("FILE_UNREADABLE");
  });
});

describe("opening a model", () => {
  const examples = join(import.meta.dirname, "../../examples/models");
  const fixtures = join(import.meta.dirname, "../fixtures/tiny-family");

  test("whole and sharded forms of one family", () => {
    const base = openModel(join(examples, "base"));
    const sharded = openModel(join(fixtures, "sort-sharded"));
    const whole = openModel(join(examples, "sort", "model.safetensors"));
    expect(base.files).toHaveLength(1);
    expect(sharded.files).toHaveLength(3);
    const describeTensor = ({ tensors }: typeof base) =>
      [...tensors.values()].map(({ name, dtype, shape, bytes }) => ({ name, dtype, shape, bytes }));
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
    expect(describeTensor(sharded).sort(byName)).toEqual(describeTensor(whole).sort(byName));
    expect(whole.config?.value.model_type).toBe(base.config?.value.model_type);
    expect(base.metadata).toEqual(new Map([["format", "pt"]]));
    for (const { tensors, files } of [base, sharded, whole]) {
      const order = [...tensors.values()].map((each) => each.file * 1e9 + each.offset);
      expect(order).toEqual([...order].sort((a, b) => a - b));
      for (const { file, offset, bytes } of tensors.values()) {
        expect(offset + bytes).toBeLessThanOrEqual(files[file].size);
      }
    }
  });

  test("model.safetensors comes before an index", () => {
    const path = directory({ "model.safetensors": ["x"], [INDEX]: index({ y: B }) });
    expect([...openModel(path).tensors.keys()]).toEqual(["x"]);
  });

  test("a single file of another name will do", () => {
    const path = directory({ "weights.safetensors": ["x"], "config.json": '{"a":1}' });
    for (const each of [path, join(path, "weights.safetensors")]) {
      const model = openModel(each);
      expect(model.path).toBe(each);
      expect(model.directory).toBe(path);
      expect(model.config).toEqual({ text: '{"a":1}', value: { a: 1 } });
    }
  });

  test("no config.json", () => {
    expect(openModel(directory({ "model.safetensors": [] })).config).toBeUndefined();
  });

  test.each([
    ["", "JSON"],
    ["{", "JSON"],
    ["[]", "array"],
    ["null", "null"],
    ["1", "number"],
    ["\ufeff{}", "JSON"],
    [Buffer.from([0x7b, 0xff, 0x7d]), "UTF-8"],
    [`{"a":"${"x".repeat(10_000_000)}"}`, "bytes"],
  ])("config.json that is %.10j", (text, about) => {
    const path = directory({ "model.safetensors": [], "config.json": text });
    const error = refusal(() => openModel(path));
    expect(error.code).toBe("CONFIG_NOT_JSON");
    expect(error.message).toContain(about);
    expect(error.place).toEqual({ file: join(path, "config.json") });
  });

  test.each<[string, RegExp, RegExp | undefined, Record<string, string | string[]>]>([
    ["an empty directory", /found none/, undefined, {}],
    ["PyTorch files", /found none/, /pytorch_model.bin.*convert/, { "pytorch_model.bin": "" }],
    [
      "PyTorch shards",
      /found none/,
      /convert to safetensors/,
      { "pytorch_model-00001-of-00002.bin": "", "pytorch_model.bin.index.json": "{}" },
    ],
    ["a GGUF file", /found none/, /GGUF/, { "model-q4.gguf": "" }],
    [
      "two candidates",
      /found 2: a.safetensors, b/,
      /one/,
      { "a.safetensors": [], "b.safetensors": [] },
    ],
  ])("%s", (_about, message, hint, files) => {
    const path = directory(files);
    const error = refusal(() => openModel(path));
    expect(error.code).toBe("MODEL_NOT_FOUND");
    expect(error.message).toMatch(message);
    if (hint === undefined) expect(error.hint).toBeUndefined();
    else expect(error.hint).toMatch(hint);
    expect(error.place).toEqual({ file: path });
  });

  test("paths that hold no model", () => {
    const path = directory({ "pytorch_model.bin": "", [INDEX]: "{}", "a.safetensors": [] });
    const bin = refusal(() => openModel(join(path, "pytorch_model.bin")));
    expect([bin.code, bin.hint]).toEqual(["MODEL_NOT_FOUND", expect.stringContaining("convert")]);
    const list = refusal(() => openModel(join(path, INDEX)));
    expect([list.code, list.hint]).toEqual([
      "MODEL_NOT_FOUND",
      expect.stringContaining("directory"),
    ]);
    const hub = refusal(() => openModel("no-such-org/no-such-model"));
    expect([hub.code, hub.hint]).toEqual(["MODEL_NOT_FOUND", expect.stringContaining("download")]);
    expect(refusal(() => openModel(join(path, "a.safetensors", "b"))).code).toBe("MODEL_NOT_FOUND");
    expect(refusal(() => openModel("")).code).toBe("MODEL_NOT_FOUND");
    expect(refusal(() => openModel("a\0b")).code).toBe("ARGUMENT");
    expect(refusal(() => openModel("x".repeat(5000))).code).toBe("FILE_UNREADABLE");
    expect(refusal(() => openModel("/dev/null")).code).toBe("NOT_A_FILE");
  });

  test.skipIf(process.platform !== "linux")("descriptors are closed", () => {
    const path = directory({ "model.safetensors": [], "config.json": "{}", "bad.safetensors": "" });
    const open = () => readdirSync("/proc/self/fd").length;
    const before = open();
    for (let i = 0; i < 20; i++) {
      openModel(path);
      refusal(() => openModel(join(path, "config.json")));
      refusal(() => openModel(join(path, "bad.safetensors")));
      refusal(() => openModel("/dev/null"));
    }
    expect(open()).toBeLessThan(before + 10);
  });
});
