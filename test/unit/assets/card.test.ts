import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type Card, isHubName, modelCard } from "../../../lib/assets/card.ts";
import type { CardModel } from "../../../lib/assets/types.ts";

const model = (path: string, base = false): CardModel => ({ reference: { path }, base });

const card = (more: Partial<Card> = {}): string =>
  modelCard({
    methodTitle: "TIES",
    methodSource: "Yadav et al. 2023, TIES-Merging, https://arxiv.org/abs/2306.01708",
    models: [model("org/b"), model("./local/dir"), model("org/a_1.5", true)],
    recipe: { text: "merge_method: ties\n", file: "mergekit_config.yml" },
    seed: "42",
    version: "0.1.0",
    ...more,
  });

const front = (text: string): unknown => parse(text.split("---\n")[1]);

describe("modelCard", () => {
  test("as a whole", () => {
    expect(card()).toBe(`---
base_model:
- org/b
- org/a_1.5
library_name: transformers
tags:
- weightloom
- mergekit
- merge
---

# TIES merge

This model is a merge, made with weightloom by the method [TIES](https://arxiv.org/abs/2306.01708), using [org/a\\_1.5](https://huggingface.co/org/a_1.5) as a base.

## Models

- [org/b](https://huggingface.co/org/b)
- \`./local/dir\`
- [org/a\\_1.5](https://huggingface.co/org/a_1.5)

## Recipe

\`\`\`yaml
merge_method: ties
\`\`\`

## Reproduce

The same inputs, recipe and seed give the same bytes on every machine:

\`\`\`sh
npx weightloom@0.1.0 merge mergekit_config.yml out/
\`\`\`

Seed \`42\`, weightloom \`0.1.0\`.
`);
  });

  test("without hub names there is no base_model, and without an address no link", () => {
    const text = card({ models: [model("/a")], methodSource: "mergekit", name: "my *merge*" });
    expect(front(text)).toEqual({
      library_name: "transformers",
      tags: ["weightloom", "mergekit", "merge"],
    });
    expect(text).toContain("\n# my \\*merge\\*\n");
    expect(text).toContain("by the method TIES.\n");
  });

  test("each model once; revisions and adapters shown, the adapter a base model too", () => {
    const reference = { path: "org/a", revision: "v1", lora: { path: "org/l" } };
    const models = [model("org/a"), { reference, base: false }, model("org/a")];
    const text = card({ models });
    expect(front(text)).toMatchObject({ base_model: ["org/a", "org/l"] });
    expect(text).toContain(
      "- [org/a](https://huggingface.co/org/a)\n- [org/a\\@v1\\+org/l](https://huggingface.co/org/a)\n\n",
    );
  });

  const hostile: [string, string][] = [
    ["a](http://evil) <b>", "`a](http://evil) <b>`"],
    ["a`b``c", "```a`b``c```"],
    ["`", "`` ` ``"],
    ["a\nb\u202e\u2028", "`a\\u000ab\\u202e\\u2028`"],
    ["--- \n tags: [x]", "`--- \\u000a tags: [x]`"],
  ];
  test.each(hostile)("a model called %j is text", (path, shown) => {
    const text = card({ models: [model(path, true)] });
    expect(text).toContain(`using ${shown} as a base.\n`);
    expect(text).toContain(`\n- ${shown}\n`);
    expect(front(text)).not.toHaveProperty("base_model");
  });

  test("markup in titles is escaped", () => {
    const text = card({ methodTitle: "<img src=x> [a](b)", methodSource: "(https://a.b/c.)" });
    expect(text).toContain("[\\<img src\\=x\\> \\[a\\]\\(b\\)](https://a.b/c)");
  });

  test("the fence is longer than any run of backticks in the recipe", () => {
    const text = "a: |\n  ```\n  `````\n";
    const block = `\`\`\`\`\`\`yaml\n${text}\`\`\`\`\`\`\n`;
    expect(card({ recipe: { text, file: "f" } })).toContain(block);
    expect(card({ recipe: { text: text.trimEnd(), file: "f" } })).toContain(block);
  });

  test("a recipe of a great many backticks", () => {
    const text = "` ".repeat(400_000);
    expect(card({ recipe: { text, file: "f" } })).toContain("\n```yaml\n` ");
  });
});

describe("isHubName", () => {
  test.each(["org/name", "a/b", "meta-llama/Llama-3.1-8B_x", "1/2", "null/true"])("%j", (name) => {
    expect(isHubName(name)).toBe(true);
    expect(parse(`- ${name}`)).toEqual([name]);
  });

  const others = ["", "name", "/a/b", "./a", "../a", "a/", "a/b/c", "-a/b", "a--b/c", "a/b..c"];
  test.each([...others, "a/b.git", "a/b\n", "a /b", "é/b", `a/${"b".repeat(97)}`])("%j", (name) => {
    expect(isHubName(name)).toBe(false);
  });
});
