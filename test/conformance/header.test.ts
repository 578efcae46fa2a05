import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ErrorCode, MergeError } from "../../lib/errors.ts";
import {
  parseHeader,
  parsePrefix,
  readHeaderFile,
  serializeHeader,
  type WrittenTensor,
} from "../../lib/format/header.ts";
import { entry, file, HEADER_CASES, type HeaderCase, manyEntries, ROWS } from "./header-cases.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "weightloom-header-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The error that `run` throws; fails when it throws none or another kind. */
function refusal(run: () => unknown): MergeError {
  try {
    run();
  } catch (error) {
    if (error instanceof MergeError) return error;
    throw error;
  }
  throw new Error("expected a refusal, found none");
}

function write(bytes: Uint8Array): string {
  const path = join(folder, "case.safetensors");
  writeFileSync(path, bytes);
  return path;
}

function checkRefused(path: string, code: ErrorCode): void {
  const error = refusal(() => readHeaderFile(path));
  expect(error.code, error.message).toBe(code);
  expect(error.place).toEqual({ file: path });
  expect(error.message).toMatch(/^expected \P{Cc}*, found \P{Cc}*$/u);
  expect(error.message.length).toBeLessThan(2000);
}

function checkAccepted(path: string, names: readonly string[] | undefined): void {
  const { header, size } = readHeaderFile(path);
  let end = 0;
  let consistent = true;
  for (const [name, tensor] of header.tensors) {
    consistent &&= tensor.name === name && tensor.begin === end;
    end = tensor.end;
  }
  expect(consistent).toBe(true);
  expect(header.dataStart + end).toBe(size);
  if (names !== undefined) expect([...header.tensors.keys()]).toEqual(names);
}

/** Milliseconds that reading takes; the best of three, since the machine has other work. */
function timeReading(path: string, limit: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3 && best > limit; attempt++) {
    const start = performance.now();
    try {
      readHeaderFile(path);
    } catch {}
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

function checkCase({ bytes, verdict, names, limit }: HeaderCase): void {
  const path = write(bytes());
  if (limit !== undefined) expect(timeReading(path, limit)).toBeLessThan(limit);
  if (verdict === "accept") checkAccepted(path, names);
  else checkRefused(path, verdict);
}

describe("memory", () => {
  test("a header of 24 MB takes less than ten times its size", () => {
    const path = write(manyEntries());
    const before = process.resourceUsage().maxRSS;
    readHeaderFile(path);
    const grown = (process.resourceUsage().maxRSS - before) * 1024;
    expect(grown).toBeLessThan(10 * 24_000_000);
  });
});

describe("the table", () => {
  test.each(HEADER_CASES.map((each) => [each.id, each] as const))("%s", (_id, each) => {
    checkCase(each);
  });

  test("has a case for every row", () => {
    const found = new Set([...HEADER_CASES.map(({ id }) => id.split("-")[0]), "P12"]);
    const rows = Object.entries(ROWS).flatMap(([letter, count]) =>
      Array.from({ length: count }, (_, i) => `${letter}${i + 1}`),
    );
    expect([...found].sort()).toEqual(rows.sort());
    expect(new Set(HEADER_CASES.map(({ id }) => id)).size).toBe(HEADER_CASES.length);
  });

  test("differs from the reference only where that was decided", () => {
    const differing = HEADER_CASES.filter((each) => each.reference !== undefined);
    const rows = new Set(differing.map(({ id }) => id.split("-")[0]));
    expect([...rows].sort()).toEqual(["D1", "D3", "D4", "D6", "J4", "J6", "J7", "S6", "S9"]);
  });
});

describe.skipIf(process.platform === "win32")("P12: not a regular file", () => {
  const made = (name: string) => join(folder, name);

  test("directory", () => {
    mkdirSync(made("directory"));
    checkRefused(made("directory"), "NOT_A_FILE");
  });

  test("FIFO, without waiting for a writer", () => {
    execFileSync("mkfifo", [made("fifo")]);
    checkRefused(made("fifo"), "NOT_A_FILE");
  });

  test("link to a FIFO", () => {
    symlinkSync("fifo", made("link-to-fifo"));
    checkRefused(made("link-to-fifo"), "NOT_A_FILE");
  });

  test.each(["/dev/null", "/dev/zero"])("device %s", (path) => checkRefused(path, "NOT_A_FILE"));

  test("socket", async () => {
    const server = createServer();
    await new Promise<void>((done) => server.listen(made("socket"), done));
    checkRefused(made("socket"), "NOT_A_FILE");
    await new Promise((done) => server.close(done));
  });

  test("nothing, and links that lead nowhere", () => {
    symlinkSync("nothing", made("dangling"));
    symlinkSync("loop", made("loop"));
    checkRefused(made("nothing"), "MODEL_NOT_FOUND");
    checkRefused(made("dangling"), "MODEL_NOT_FOUND");
    const error = refusal(() => readHeaderFile(made("loop")));
    expect(error.code).toBe("FILE_UNREADABLE");
    expect(error.message).toContain("ELOOP");
  });
});

describe("what a reader learns", () => {
  test("a header, entry by entry", () => {
    const text = `{"__metadata__":{"format":"pt"},"b":${entry("F16", "[2,3]", "[4,16]")},"a":${entry("F32", "[]", "[0,4]")}} `;
    const { header, size, identity } = readHeaderFile(write(file(text, 16)));
    expect(size).toBe(8 + text.length + 16);
    expect(header.dataStart).toBe(8 + text.length);
    expect(header.hash).toBe(createHash("sha256").update(text).digest("hex"));
    expect(header.metadata).toEqual(new Map([["format", "pt"]]));
    expect([...header.tensors.values()]).toEqual([
      { name: "a", dtype: "F32", shape: [], count: 1, begin: 0, end: 4 },
      { name: "b", dtype: "F16", shape: [2, 3], count: 6, begin: 4, end: 16 },
    ]);
    for (const text of Object.values(identity)) expect(text).toMatch(/^\d+$/);
  });

  test("null metadata is absent, empty metadata is not", () => {
    const read = (text: string) => parseHeader(Buffer.from(text), 8 + text.length).metadata;
    expect(read('{"__metadata__":null}')).toBeUndefined();
    expect(read("{}")).toBeUndefined();
    expect(read('{"__metadata__":{}}')).toEqual(new Map());
  });

  test("messages name the tensor, the find, and no control character", () => {
    const header = `{"\\u001b[31m":${entry("FP4", "[1]", "[0,4]")}}`;
    const error = refusal(() => parseHeader(Buffer.from(header), 4));
    expect(error.message).toContain('tensor "\\u001b[31m"');
    expect(error.message).toContain('found "FP4"');
    const long = refusal(() => readHeaderFile(write(file(`{"${"x".repeat(9e6)}":null}`))));
    expect(long.message.length).toBeLessThan(400);
    const more = refusal(() => readHeaderFile(write(file("{}", 1234))));
    expect(more.message).toContain("1234 more bytes");
  });

  test.each([
    ["version https://git-lfs.github.com/spec/v1\n", /git-lfs/],
    ["PK\x03\x04\x00\x00\x08\x08archive/data.pkl", /PyTorch/],
    ["GGUF\x03\x00\x00\x00\x00", /GGUF/],
    ['{\n  "metadata": {}}', /JSON/],
    ["<!DOCTYPE html>", /web page/],
  ])("a hint for %j", (text, hint) => {
    const error = refusal(() => parsePrefix(Buffer.from(text), text.length, "model.safetensors"));
    expect(error.code).toBe("HEADER_TOO_LARGE");
    expect(error.hint).toMatch(hint);
  });

  test("names leave prototypes alone", () => {
    const text = `{"__proto__":${entry("U8", "[0]", "[0,0]")},"__metadata__":{"__proto__":"x"}}`;
    const header = parseHeader(Buffer.from(text), 8 + text.length);
    expect(header.metadata?.get("__proto__")).toBe("x");
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>).dtype).toBeUndefined();
  });
});

describe("1.10: what we write", () => {
  const tensors: readonly WrittenTensor[] = [
    { name: "w", dtype: "F32", shape: [2, 2], begin: 0, end: 16 },
    { name: "__proto__", dtype: "F16", shape: [], begin: 16, end: 18 },
    { name: 'a "b"\n\u{1f600}', dtype: "F16", shape: [0, 7], begin: 18, end: 18 },
  ];

  test("prefix, brace, padding, and what the reader makes of it", () => {
    for (let extra = 0; extra < 9; extra++) {
      const metadata = new Map([["format", "p".repeat(extra)]]);
      const bytes = serializeHeader(tensors, metadata);
      const length = parsePrefix(bytes.subarray(0, 8), bytes.length);
      expect(length % 8).toBe(0);
      expect(length).toBe(bytes.length - 8);
      expect(bytes[8]).toBe("{".charCodeAt(0));
      const text = Buffer.from(bytes.subarray(8)).toString();
      expect(text).toMatch(/\} {0,7}$/);
      expect(Object.keys(JSON.parse(text))).toHaveLength(4);
      const header = parseHeader(bytes.subarray(8), bytes.length + 18);
      expect(header.metadata).toEqual(metadata);
      expect([...header.tensors.values()].map(({ count: _, ...rest }) => rest)).toEqual(tensors);
    }
  });

  test("nothing at all", () => {
    expect(Buffer.from(serializeHeader([])).toString("latin1")).toBe("\x08\0\0\0\0\0\0\0{}      ");
  });

  const tensor = tensors[0];
  test.each<[string, ErrorCode, () => unknown]>([
    ["__metadata__", "HEADER_SHAPE", () => serializeHeader([{ ...tensor, name: "__metadata__" }])],
    ["a duplicate", "DUPLICATE_OUTPUT", () => serializeHeader([tensor, tensor])],
    ["a hole", "OFFSET_HOLE", () => serializeHeader([{ ...tensor, begin: 4, end: 20 }])],
    ["a wrong span", "SIZE_MISMATCH", () => serializeHeader([{ ...tensor, end: 17 }])],
    ["a lone surrogate", "HEADER_NOT_UTF8", () => serializeHeader([{ ...tensor, name: "\ud800" }])],
    [
      "a lone surrogate in metadata",
      "HEADER_NOT_UTF8",
      () => serializeHeader([], new Map([["a", "\udc00"]])),
    ],
  ])("refuses %s", (_about, code, run) => expect(refusal(run).code).toBe(code));

  test("a header of 100,000,000 bytes is written, one of more is not", () => {
    const rest = '{"__metadata__":{"a":""}}'.length;
    const metadata = (size: number) => new Map([["a", "x".repeat(size - rest)]]);
    expect(serializeHeader([], metadata(100_000_000)).length).toBe(100_000_008);
    const over = refusal(() => serializeHeader([], metadata(100_000_001)));
    expect(over.code).toBe("HEADER_TOO_LARGE");
    const wide = new Map([["a", "\u00e9".repeat(60_000_000)]]);
    expect(refusal(() => serializeHeader([], wide)).code).toBe("HEADER_TOO_LARGE");
  });
});
