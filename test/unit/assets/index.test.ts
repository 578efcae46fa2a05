import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type AssetFile, donorAssets, makeAssets } from "../../../lib/assets/index.ts";
import { recipeYaml } from "../../../lib/assets/recipe.ts";
import { readRecipe } from "../../../lib/config/read.ts";
import type { Plan } from "../../../lib/plan/types.ts";
import { LLAMA_OLD } from "./configs.ts";
import { planOf, resultOf, step } from "./plan.ts";

const YAML = "# mine\r\nmerge_method: ties   # odd  spacing\n";

const textOf = ({ bytes }: AssetFile): unknown =>
  bytes instanceof Uint8Array ? new TextDecoder().decode(bytes) : bytes;

describe("makeAssets", () => {
  const root = mkdtempSync(join(tmpdir(), "weightloom-assets-"));
  const empty = join(root, "empty");
  beforeAll(() => {
    writeFileSync(join(root, "config.json"), LLAMA_OLD);
    writeFileSync(join(root, "tokenizer.json"), "{}");
    writeFileSync(join(root, "README.md"), "the donor's own");
  });
  afterAll(() => rmSync(root, { recursive: true }));

  const from = (plan: Plan, donor = root): Plan => ({ ...plan, assets: { ...plan.assets, donor } });
  const make = (plan: Plan, recipeText = YAML) =>
    makeAssets({
      plan,
      results: plan.steps.map(() => resultOf()),
      recipeText,
      methodTitle: "TIES",
      methodSource: "",
      version: "0.1.0",
      models: [{ reference: { path: "org/a" }, base: true }],
    });

  test("one shard: all files but the index", () => {
    const files = make(from(planOf([step("a")])));
    expect(files.map(({ name }) => name)).toEqual([
      "config.json",
      "tokenizer.json",
      "README.md",
      "mergekit_config.yml",
      "weightloom.manifest.json",
    ]);
    const texts = new Map(files.map((each) => [each.name, textOf(each)]));
    expect(texts.get("config.json")).toBe(LLAMA_OLD.replace('"float16"', '"bfloat16"'));
    expect(texts.get("tokenizer.json")).toEqual({ copyFrom: join(root, "tokenizer.json") });
    expect(texts.get("mergekit_config.yml")).toBe(YAML);
    expect(texts.get("README.md")).toContain("`18446744073709551615`");
    expect(texts.get("README.md")).toContain(`\`\`\`yaml\n${YAML}\`\`\``);
    expect(texts.get("weightloom.manifest.json")).toContain('"plan": "c0ffee"');
  });

  test("several shards: the index comes last; a donor without files adds none", () => {
    const donor = mkdtempSync(`${empty}-`);
    const files = make(from(planOf([step("a"), step("b", { shard: 1 })], 2), donor));
    expect(files.map(({ name }) => name)).toEqual([
      "README.md",
      "mergekit_config.yml",
      "weightloom.manifest.json",
      "model.safetensors.index.json",
    ]);
  });

  test("what the donor gives is known without results", () => {
    const plan = from(planOf([step("a")]));
    expect(donorAssets(plan)).toEqual(make(plan).slice(0, 2));
  });

  test("a recipe in JSON is written as YAML, in the card too", () => {
    const files = make(from(planOf([])), '{"merge_method": "ties", "models": [{"model": "a"}]}');
    const yaml = "merge_method: ties\nmodels:\n  - model: a\n";
    expect(files.map(textOf)).toContain(yaml);
    expect(textOf(files.find(({ name }) => name === "README.md")!)).toContain(yaml);
  });
});

describe("recipeYaml", () => {
  test.each([YAML, "a: 1\n---\nb: 2\n", "{a: 1}", "- `", ""])("%j stays as it is", (text) => {
    expect(recipeYaml(text)).toBe(text);
  });

  test("JSON keeps its values in YAML 1.1 and 1.2", () => {
    const words = ["yes", "off", "0755", "1e3", "null", "~", " a ", "a: b", "# c", "1:30", "é\n"];
    const value = { words, numbers: [0.1, 1e-5, 32, -0.5], long: "x ".repeat(100), none: null };
    const yaml = recipeYaml(JSON.stringify(value));
    expect(parse(yaml)).toEqual(value);
    expect(parse(yaml, { version: "1.1" })).toEqual(value);
    expect(readRecipe(yaml)[0].value).toEqual(readRecipe(JSON.stringify(value))[0].value);
  });
});
