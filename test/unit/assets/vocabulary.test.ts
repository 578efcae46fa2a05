import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { vocabularyPrint } from "../../../lib/assets/vocabulary.ts";
import { useFolder } from "../../make.ts";

const root = useFolder("vocabulary");
let count = 0;

function printOf(files: Readonly<Record<string, unknown>>): string | undefined {
  const folder = join(root, String(count++));
  mkdirSync(folder);
  for (const [name, value] of Object.entries(files)) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    writeFileSync(join(folder, name), text);
  }
  return vocabularyPrint(folder);
}

const tokenizer = (vocab: unknown, added?: unknown) =>
  printOf({ "tokenizer.json": { model: { vocab }, added_tokens: added } });

test("equal for equal tokens, in whatever order and form they are written", () => {
  const print = tokenizer({ a: 0, b: 1 });
  expect(print).toMatch(/^tokens /);
  expect(tokenizer({ b: 1, a: 0 })).toBe(print);
  expect(tokenizer(["a", "b"])).toBe(print);
  expect(
    tokenizer([
      ["a", -1.5],
      ["b", -2],
    ]),
  ).toBe(print);
  expect(tokenizer({ a: 0 }, [{ content: "b", id: 1 }, null, { id: 2 }])).toBe(print);
});

test("another number or token makes another", () => {
  const print = tokenizer({ a: 0, b: 1 });
  expect(tokenizer({ a: 1, b: 0 })).not.toBe(print);
  expect(tokenizer({ a: 0, b: 1, c: 2 })).not.toBe(print);
});

test("what is not understood is compared by its bytes", () => {
  const texts = ["{", "null", '{"model":{}}', '{"model":{"vocab":7}}'];
  const prints = texts.map((text) => printOf({ "tokenizer.json": text }));
  for (const print of prints) expect(print).toMatch(/^files /);
  expect(new Set(prints).size).toBe(texts.length);
  expect(printOf({ "vocab.txt": "a\nb" })).toMatch(/^files /);
  expect(printOf({ "vocab.txt": "a\nb" })).toBe(printOf({ "vocab.txt": "a\nb" }));
});

test("none without a tokenizer", () => {
  expect(printOf({ "config.json": {} })).toBeUndefined();
});
