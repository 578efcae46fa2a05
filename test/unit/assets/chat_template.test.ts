import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { patchTokenizerConfig, readChatTemplate } from "../../../lib/assets/chat_template.ts";
import { useFolder } from "../../make.ts";

const root = useFolder("chat-template");
let count = 0;

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = join(root, String(count++));
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const configured = (template: unknown) =>
  folderWith({ "tokenizer_config.json": JSON.stringify({ chat_template: template }) });

test("a file of its own is before the tokenizer's config", () => {
  const both = { "chat_template.jinja": "own", "tokenizer_config.json": '{"chat_template":"x"}' };
  expect(readChatTemplate(folderWith(both))).toBe("own");
  expect(readChatTemplate(configured("in the config"))).toBe("in the config");
});

test("of several, the one named default", () => {
  const named = [{ name: "tools", template: "a" }, null, { name: "default", template: "b" }];
  expect(readChatTemplate(configured(named))).toBe("b");
  expect(readChatTemplate(configured([{ name: "tools", template: "a" }]))).toBeUndefined();
});

test("none where nothing of use is there", () => {
  expect(readChatTemplate(folderWith({}))).toBeUndefined();
  expect(readChatTemplate(configured(7))).toBeUndefined();
  expect(readChatTemplate(folderWith({ "tokenizer_config.json": "null" }))).toBeUndefined();
  expect(readChatTemplate(folderWith({ "tokenizer_config.json": "{" }))).toBeUndefined();
});

test("a config keeps everything but its template", () => {
  const text = '{ "a": 1,\n "chat_template": "old", "b": [] }';
  expect(patchTokenizerConfig(text, 'n"ew')).toBe(text.replace('"old"', '"n\\"ew"'));
  for (const other of ["{", "[1]", '{"a":1}']) expect(patchTokenizerConfig(other, "x")).toBe(other);
});
