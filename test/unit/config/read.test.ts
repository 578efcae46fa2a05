import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RECIPE_LIMITS } from "../../../lib/config/document.ts";
import { readRecipe, readRecipeFile } from "../../../lib/config/read.ts";
import { MergeError } from "../../../lib/errors.ts";

/** The error that reading throws. */
function refusal(text: string | Uint8Array): MergeError {
  try {
    readRecipe(text, "r.yml");
  } catch (error) {
    if (error instanceof MergeError) return error;
    throw error;
  }
  throw new Error("was accepted");
}

const readValue = (text: string): unknown => readRecipe(text)[0].value;

describe("values", () => {
  const rows: [string, string, unknown][] = [
    ["block style", "a:\n  - 1\n  - b: x\n", { a: [1, { b: "x" }] }],
    ["flow style", "{a: [1, {b: x}]}", { a: [1, { b: "x" }] }],
    ["JSON", '{"a": [1, {"b": "x\\u0041\\/"}], "c": null}', { a: [1, { b: "xA/" }], c: null }],
    ["JSON indented with tabs", '{\n\t"a": [\n\t\t1\n\t]\n}', { a: [1] }],
    ["a byte order mark", "\ufeffa: 1", { a: 1 }],
    ["carriage returns", "a: 1\r\nb: 2\r\n", { a: 1, b: 2 }],
    ["carriage returns alone", "a: 1\rb: 2\r\r\n", { a: 1, b: 2 }],
    ["carriage returns in JSON", '{"a"\r:\r1,\r"b": "\\r"\r}', { a: 1, b: "\r" }],
    [
      "numbers",
      "[0755, 0o17, 0x1f, 1e-5, .5, -0.5, 1e999, .nan, -.inf]",
      [
        755,
        15,
        31,
        1e-5,
        0.5,
        -0.5,
        Number.POSITIVE_INFINITY,
        Number.NaN,
        Number.NEGATIVE_INFINITY,
      ],
    ],
    [
      "words of YAML 1.1 are text",
      "[yes, no, on, off, y, 1:30, 1_000]",
      ["yes", "no", "on", "off", "y", "1:30", "1_000"],
    ],
    ["null and nothing", "a: null\nb: ~\nc:\n", { a: null, b: null, c: null }],
    ["core tags", "a: !!str 1\nb: !!float 1.5\n", { a: "1", b: 1.5 }],
    ["an alias", "a: &x [1]\nb: *x\n", { a: [1], b: [1] }],
    ["an anchor used again", "a: &x 1\nb: *x\nc: &x 2\nd: *x\n", { a: 1, b: 1, c: 2, d: 2 }],
    [
      "a merge key",
      "a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\n",
      {
        a: { p: 1, q: 2 },
        b: { q: 3, p: 1 },
      },
    ],
    ["earlier merged mappings win", "b: {<<: [{p: 1}, {p: 2, q: 2}]}", { b: { p: 1, q: 2 } }],
    [
      "merging what merges",
      "a: &a {p: 1}\nb: &b {<<: *a, q: 2}\nc: {<<: *b}\n",
      {
        a: { p: 1 },
        b: { p: 1, q: 2 },
        c: { p: 1, q: 2 },
      },
    ],
    ["a quoted << is a key", "{'<<': 1}", { "<<": 1 }],
    ["keys that look like numbers", "{1: a, true: b}", { 1: "a", true: "b" }],
    ["an empty text", "", null],
    ["a comment", "# nothing\n", null],
  ];
  test.each(rows)("%s", (_title, text, expected) => {
    expect(readValue(text)).toEqual(expected);
  });

  test("several documents", () => {
    expect(readRecipe("a: 1\n---\nb: 2\n").map((each) => each.value)).toEqual([{ a: 1 }, { b: 2 }]);
  });

  test("mappings have no prototype, and no key reaches one", () => {
    const value = readValue("{__proto__: {polluted: 1}, constructor: 2}") as Record<
      string,
      unknown
    >;
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(Object.keys(value)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(Object.values(value)[0])).toBeNull();
    expect("polluted" in {}).toBe(false);
  });
});

describe("places", () => {
  const [{ places, written }] = readRecipe(
    'models:\n  - model: a\n    parameters: {weight: 0755}\n"<s>": "x"\n',
    "r.yml",
  );
  const rows: [string, number, number][] = [
    ["models", 1, 1],
    ["models[0]", 2, 5],
    ["models[0].model", 2, 5],
    ["models[0].parameters", 3, 5],
    ["models[0].parameters.weight", 3, 18],
    ['["<s>"]', 4, 1],
  ];
  test.each(rows)("%s", (path, line, column) => {
    expect(places.get(path)).toEqual({ file: "r.yml", line, column, path });
  });

  test("what was written is kept for unquoted scalars", () => {
    expect(written.get("models[0].parameters.weight")).toBe("0755");
    expect(written.has('["<s>"]')).toBe(false);
  });

  test("an aliased value stands where its text is", () => {
    const [document] = readRecipe("a: &x\n  w: 1\nb: *x\n");
    expect(document.places.get("b")).toMatchObject({ line: 3 });
    expect(document.places.get("b.w")).toMatchObject({ line: 2, column: 3 });
  });
});

describe("text that is not well-formed", () => {
  const rows: [string, string | Uint8Array, RegExp, number | undefined][] = [
    ["a duplicate key", "a: 1\na: 2\n", /key `a` occurs twice/, 2],
    ["a duplicate key in JSON", '{"a": 1,\n "a": 2}', /key `a` occurs twice/, 2],
    ["two merge keys", "a: {<<: {}, <<: {}}", /key `<<` occurs twice/, 1],
    ["a local tag", "a: !model x\n", /Unresolved tag/, 1],
    ["a tag on a mapping", "a: !thing {}\n", /Unresolved tag/, 1],
    ["python tags", "a: !!python/object/apply:os.system [ls]\n", /Unresolved tag/, 1],
    ["binary", "a: !!binary aGk=\n", /Unresolved tag/, 1],
    ["a set", "a: !!set {x}\n", /Unresolved tag/, 1],
    ["a list as key", "? [a]\n: 1\n", /where a key was expected/, 1],
    ["a mapping as key", "{{a: 1}: 2}", /where a key was expected/, 1],
    ["an alias as key", "a: &x b\n*x : 1\n", /where a key was expected/, 2],
    ["a tab as indentation", "a:\n\tb: 1\n", /[Tt]ab/, 2],
    ["an open bracket", "a: [1, 2\n", /./, 2],
    ["an open quote", 'a: "x\n', /quote/, 2],
    ["a mapping in a line", "a: b: c\n", /[Nn]ested mappings/, 1],
    ["an alias without an anchor", "a: *x\n", /no anchor before it/, 1],
    ["an alias before its anchor", "a: *x\nb: &x 1\n", /no anchor before it/, 1],
    ["an alias inside its anchor", "a: &x\n  - *x\n", /inside its own anchor/, 2],
    ["merging a number", "a: {<<: 1}", /merges a mapping/, 1],
    ["the directive YAML 1.1", "%YAML 1.1\n---\na: no\n", /asks for YAML 1\.1/, 2],
    ["an unknown directive", "%FOO\n---\na: 1\n", /directive/, 1],
    ["a NUL", "a: 1\nb: x\u0000\n", /control character \(\\u0000\)/, 2],
    ["an escape sequence", "a: \u001b[31m\n", /control character \(\\u001b\)/, 1],
    ["bytes that are not UTF-8", Uint8Array.of(0x61, 0x3a, 0x20, 0xff), /not UTF-8/, undefined],
    ["UTF-16", Buffer.from("\ufeffa: 1", "utf16le"), /not UTF-8/, undefined],
  ];
  test.each(rows)("%s", (_title, text, message, line) => {
    const [first] = refusal(text).problems;
    expect(first.code).toBe("RECIPE_NOT_YAML");
    expect(first.message).toMatch(message);
    expect(first.place).toMatchObject(line === undefined ? { file: "r.yml" } : { line });
  });

  test("all of it is reported, up to twenty", () => {
    expect(refusal("a: 1\na: 2\nb: 1\nb: 2\n").problems).toHaveLength(2);
    expect(refusal("a: 1\na: 2\nb: 1\nb: 2\n").code).toBe("SEVERAL_PROBLEMS");
    expect(refusal("a: 1\n".repeat(100)).problems).toHaveLength(20);
  });
});

/** The classic: each level holds nine of the one before. */
function laughs(levels: number): string {
  const lines = ["a0: &a0 [lol, lol, lol]"];
  for (let i = 1; i < levels; i++) {
    lines.push(
      `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(", ")}]`,
    );
  }
  return lines.join("\n");
}

describe("limits", () => {
  const filled = (text: string, size = 1_000_000): string => text.repeat(size / text.length);
  const rows: [string, string][] = [
    ["too many bytes", `${filled("# filler\n")}${filled("# filler\n", 900)}`],
    ["too many bytes of few characters", filled("# ←", 700_000)],
    ["20,000 brackets", "[".repeat(20_000)],
    ["20,000 closed brackets", "[".repeat(20_000) + "]".repeat(20_000)],
    ["34 brackets", "[".repeat(34) + "]".repeat(34)],
    ["a megabyte of brackets", filled("[")],
    ["a megabyte of mappings", filled("{a: ")],
    ["a megabyte of dashes", filled("- ")],
    ["a megabyte of question marks", filled("? ")],
    ["deep indentation", Array.from({ length: 99 }, (_, i) => `${" ".repeat(i)}a:`).join("\n")],
    ["a billion laughs", laughs(10)],
    ["101 aliases", `a: &x 1\nb: [${"*x, ".repeat(101)}]`],
    ["100 aliases of a long list", `a: &x [${"1,".repeat(2000)}]\nb: [${"*x, ".repeat(100)}]`],
    [
      "depth through aliases",
      `a: &x ${"[".repeat(20)}${"]".repeat(20)}\nb: ${"[".repeat(20)}*x${"]".repeat(20)}`,
    ],
    ["150,000 items", `[${"1,".repeat(150_000)}]`],
    ["a long key above many items", `? "${"k".repeat(700_000)}"\n: [${"1,".repeat(20_000)}]`],
    ["many documents", filled("a\n---\n")],
    ["many lines", filled("\n")],
    ["many errors", filled("}\n")],
  ];
  test.each(rows)("%s", (_title, text) => {
    const started = performance.now();
    expect(refusal(text).code).toBe("RECIPE_TOO_LARGE");
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  test("what is within them", () => {
    expect(readValue("[".repeat(32) + "]".repeat(32))).toBeInstanceOf(Array);
    expect(readValue(`a: &x 1\nb: [${"*x, ".repeat(100)}]`)).toHaveProperty("b.99", 1);
    expect(readValue(laughs(2))).toHaveProperty("a1.8.2", "lol");
    expect(readValue(`a: 1 #${"x".repeat(RECIPE_LIMITS.bytes - 6)}`)).toEqual({ a: 1 });
  });

  test("a hundred merges of large mappings end", () => {
    const large = Array.from({ length: 5000 }, (_, i) => `k${i}: 1`).join(", ");
    const text = `a: &x {${large}}\nb:\n${"  - {<<: [*x, *x]}\n".repeat(45)}`;
    expect(refusal(text).code).toBe("RECIPE_TOO_LARGE");
  });
});

describe("readRecipeFile", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "weightloom-read-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("gives text and documents", async () => {
    const path = join(folder, "good.yml");
    writeFileSync(path, "a: 1\n---\nb: 2\n");
    const { text, documents } = await readRecipeFile(path);
    expect(text).toBe("a: 1\n---\nb: 2\n");
    expect(documents.map((each) => each.value)).toEqual([{ a: 1 }, { b: 2 }]);
    expect(documents[1].places.get("b")).toMatchObject({ file: path, line: 3 });
  });

  test("refuses what is no regular file, without waiting for it", async () => {
    const paths = [folder, join(folder, "absent.yml"), "a\u0000b"];
    if (process.platform !== "win32") {
      const pipe = join(folder, "pipe");
      execFileSync("mkfifo", [pipe]);
      paths.push(pipe, "/dev/null");
    }
    for (const path of paths) {
      await expect(readRecipeFile(path)).rejects.toMatchObject({
        code: "RECIPE_UNREADABLE",
        place: { file: path },
      });
    }
  });

  test("reads no more than the limit", async () => {
    const path = join(folder, "large.yml");
    writeFileSync(path, "#".repeat(RECIPE_LIMITS.bytes + 1));
    await expect(readRecipeFile(path)).rejects.toMatchObject({ code: "RECIPE_TOO_LARGE" });
  });
});

test("property: any text gives documents or a MergeError", () => {
  const piece = fc.constantFrom(
    ..."- |: |? |[|]|{|}|,|&a |*a|<<: |!x |!!str |'|\"|\n|  |a|1|#|%|---\n|...\n||>|\t|\u0001".split(
      "|",
    ),
    "|",
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 40 }).map((all) => all.join("")),
  );
  fc.assert(
    fc.property(text, (input) => {
      try {
        expect(readRecipe(input).length).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(MergeError);
      }
    }),
    { numRuns: 2000 },
  );
});

test("property: JSON reads as JSON.parse reads it", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), (json) => {
      const expected = JSON.parse(json);
      expect(JSON.stringify(readValue(json))).toBe(JSON.stringify(expected));
    }),
  );
});

test("of many aliases without an anchor twenty are told", () => {
  expect(refusal("- *x\n".repeat(21)).problems).toHaveLength(20);
});

test("of many keys that occur twice twenty are told", () => {
  expect(refusal("a: 1\n".repeat(22)).problems).toHaveLength(20);
});
