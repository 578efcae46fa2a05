import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { merge, plan } from "../../../lib/merge.ts";
import type { RecipeObject } from "../../../lib/recipe-object.ts";
import { makeLlama, refusal, useFolder } from "../../make.ts";

const folder = useFolder("tokens");

function tokenizer(vocab: unknown, added: readonly object[] = []): string {
  return JSON.stringify({ added_tokens: added, model: { type: "BPE", vocab } });
}

const PLAIN = tokenizer({ a: 0, b: 1, c: 2 });
const TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %}";
const OTHER = "{{ messages[0].content }} and that is all";

function make(name: string, companions: Record<string, string>, seed = 1): string {
  return makeLlama(join(folder, name), { seed }, { companions });
}

const base = make("base", {
  "tokenizer.json": PLAIN,
  "tokenizer_config.json": JSON.stringify({ chat_template: TEMPLATE, from: "base" }, null, 2),
});
const same = make("same", {
  "tokenizer.json": tokenizer({ c: 2, a: 0 }, [{ id: 1, content: "b", special: true }]),
  "tokenizer_config.json": JSON.stringify({ from: "same" }),
  "chat_template.jinja": `${OTHER}\n`,
});
const more = make("more", {
  "tokenizer.json": tokenizer({ a: 0, b: 1, c: 2, d: 3 }),
  "tokenizer_config.json": JSON.stringify({
    chat_template: [
      { name: "tool_use", template: "{{ nothing to see here }}" },
      { name: "default", template: OTHER },
    ],
  }),
});
const none = make("none", {});

function recipe(models: readonly string[], rest: object): RecipeObject {
  const all = models.map((model) => ({ model }));
  return {
    merge_method: "linear",
    models: all,
    parameters: { weight: 1 },
    ...rest,
  } as RecipeObject;
}

let outputs = 0;
async function merged(given: RecipeObject, options = {}) {
  const out = join(folder, `out-${outputs++}`);
  const result = await merge(given, { out, sync: false, backend: "reference", ...options });
  const read = (name: string) => {
    return existsSync(join(out, name)) ? readFileSync(join(out, name), "utf8") : undefined;
  };
  return { read, result };
}

describe("the tokenizer of models with one vocabulary", () => {
  test.each([
    ["tokenizer_source: base", { tokenizer_source: "base" }],
    ["tokenizer_source: union", { tokenizer_source: "union" }],
    ["tokenizer with a source", { tokenizer: { source: "base" } }],
    ["tokenizer without tokens", { tokenizer: { tokens: {} } }],
    ["the base's path", { tokenizer_source: base }],
  ])("is the base's: %s", async (_, rest) => {
    const { read, result } = await merged(recipe([base, same], rest));
    expect(read("tokenizer.json")).toBe(PLAIN);
    expect(result.notes).toEqual([expect.stringContaining("all models have one vocabulary")]);
  });

  test("is another model's where that is named", async () => {
    const { read } = await merged(recipe([base, same], { tokenizer_source: same }));
    expect(JSON.parse(read("tokenizer_config.json") as string).from).toBe("same");
    expect(read("chat_template.jinja")).toBe(`${OTHER}\n`);
  });

  test("is left out by copyTokenizer: false", async () => {
    const { read } = await merged(recipe([base], {}), { copyTokenizer: false });
    expect(read("tokenizer.json")).toBeUndefined();
    expect(read("config.json")).toBeDefined();
  });

  test("may be that of a vocabulary in a list, where numbers are positions", async () => {
    const list = tokenizer([
      ["a", 0],
      ["b", -1],
      ["c", -2],
    ]);
    const unigram = make("unigram", { "tokenizer.json": list });
    const { result } = await merged(recipe([base, unigram], { tokenizer_source: "base" }));
    expect(result.notes).toHaveLength(1);
  });
});

describe("what is not built yet is refused at its place", () => {
  test.each([
    [
      "other vocabularies",
      [base, more],
      { tokenizer_source: "union" },
      "tokenizer_source",
      "differ",
    ],
    [
      "no vocabulary",
      [none, base],
      { tokenizer_source: "base" },
      "tokenizer_source",
      "no tokenizer",
    ],
    ["a source", [base, more], { tokenizer: { source: "base" } }, "tokenizer.source", "differ"],
    [
      "tokens",
      [base],
      { tokenizer: { tokens: { x: { source: base } } } },
      "tokenizer.tokens",
      "rows",
    ],
    [
      "padding",
      [base],
      { tokenizer: { pad_to_multiple_of: 8 } },
      "tokenizer.pad_to_multiple_of",
      "rows",
    ],
    [
      "a foreign source",
      [base],
      { tokenizer_source: more },
      "tokenizer_source",
      "one of the merged",
    ],
    ["a bundled template", [base], { chat_template: "llama3" }, "chat_template", "llama3"],
  ])("%s", async (_, models, rest, path, message) => {
    const error = await refusal(() => plan(recipe(models, rest)));
    expect([error.code, error.place?.path]).toEqual(["UNSUPPORTED", path]);
    expect(error.message).toContain(message);
  });
});

describe("chat_template", () => {
  test("as text is written, and replaces the donor's", async () => {
    const { read } = await merged(recipe([base, same], { chat_template: OTHER }));
    expect(read("chat_template.jinja")).toBe(OTHER);
    const config = JSON.stringify({ chat_template: OTHER, from: "base" }, null, 2);
    expect(read("tokenizer_config.json")).toBe(config);
  });

  test("is not put into a tokenizer_config.json without one", async () => {
    const { read } = await merged(recipe([same], { chat_template: TEMPLATE }));
    expect(read("chat_template.jinja")).toBe(TEMPLATE);
    expect(read("tokenizer_config.json")).toBe(JSON.stringify({ from: "same" }));
  });

  test.each([
    ["the most frequent", [base, same, more, none], OTHER],
    ["of equally frequent ones the first", [base, same], TEMPLATE],
    ["of equally frequent ones the first, in the other order", [same, base], OTHER],
  ])("auto is %s", async (_, models, expected) => {
    const made = await plan(recipe(models, { chat_template: "auto" }));
    expect(made.assets.chatTemplate).toBe(expected);
  });

  test("auto counts a base that takes no part, too", async () => {
    const made = await plan({ ...recipe([same], { chat_template: "auto" }), base_model: base });
    expect(made.assets.chatTemplate).toBe(OTHER);
    const twice = await plan({ ...recipe([none], { chat_template: "auto" }), base_model: base });
    expect(twice.assets.chatTemplate).toBe(TEMPLATE);
  });

  test("auto without any template has no effect, which is noted", async () => {
    const made = await plan(recipe([none], { chat_template: "auto" }));
    expect(made.assets.chatTemplate).toBeUndefined();
    expect(made.notes).toEqual([expect.stringContaining("no model has a chat template")]);
  });

  test("chatml is a template of its own", async () => {
    const made = await plan(recipe([none], { chat_template: "chatml" }));
    expect(made.assets.chatTemplate).toContain("<|im_start|>");
  });
});
