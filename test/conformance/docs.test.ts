/** The pages of docs/methods say what the table of methods says, and their examples plan. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { plan } from "../../lib/merge.ts";
import { METHODS } from "../../lib/methods/index.ts";
import type { Method, ParameterSpec } from "../../lib/methods/types.ts";
import type { RecipeObject } from "../../lib/recipe-object.ts";
import { useFolder } from "../make.ts";
import { yamlWriter } from "./quirk-tools.ts";

const ROOT = join(import.meta.dirname, "../..");
const PAGES = join(ROOT, "docs/methods");
const yaml = yamlWriter(useFolder("docs"));

function pageOf(name: string): string {
  return readFileSync(join(PAGES, `${name}.md`), "utf8");
}

/** The only fenced block of a language. */
function blockOf(page: string, language: string): string {
  const blocks = [...page.matchAll(/^```(\w*)\n(.*?)^```$/gms)].filter(([, of]) => of === language);
  expect(blocks).toHaveLength(1);
  return blocks[0][2];
}

function withModels(text: string): string {
  return text.replaceAll(/\bmodels\/(?=\w)/g, `${join(ROOT, "examples/models")}/`);
}

function defaultOf({ default: value, optional }: ParameterSpec): string {
  if (value !== undefined) return value === 1e-5 ? "0.00001" : String(value);
  return optional === true ? "none" : "required";
}

function rangeOf({ type, min, max }: ParameterSpec): string {
  if (type === "boolean") return "true, false";
  if (min === undefined) return "any";
  return max === undefined ? `at least ${min}` : `${min} to ${max}`;
}

/** A parameter's row up to its meaning. */
function rowOf(spec: ParameterSpec): string {
  const of = spec.scope === "model" ? "each model" : "the merge";
  return `| \`${spec.name}\` | ${of} | ${defaultOf(spec)} | ${rangeOf(spec)} | `;
}

/** What the example in TypeScript gives to `merge`. */
async function recipeIn(code: string): Promise<RecipeObject> {
  const plain = code.replace(/^import .*$/m, "").replaceAll(" as const", "");
  let given: RecipeObject | undefined;
  const capture = (recipe: RecipeObject) => {
    given = recipe;
  };
  await new Function("merge", `return (async () => {${plain}})();`)(capture);
  if (given === undefined) throw new Error("the example calls no merge");
  return given;
}

const HEADINGS = [
  "## Formula",
  "## Order of operations",
  "## Parameters",
  "## NaN and zeros",
  "## Differences",
  "## Example",
];

test("there is a page for each method, and no other but the README", () => {
  const pages = readdirSync(PAGES).filter((name) => name !== "README.md");
  expect(pages.sort()).toEqual([...METHODS.keys()].map((name) => `${name}.md`).sort());
});

describe.each([...METHODS.values()])("$name", (method) => {
  const page = pageOf(method.name);

  test("has every heading, in order", () => {
    expect(page.startsWith(`# ${method.name}\n`)).toBe(true);
    expect(page.match(/^## .*$/gm)).toEqual(HEADINGS);
  });

  test("names its parameters with defaults and ranges, and no others", () => {
    const rows = page.match(/^\| `.*$/gm) ?? [];
    expect(rows).toHaveLength(method.parameters.length);
    rows.forEach((row, i) => {
      const start = rowOf(method.parameters[i]);
      expect(row.slice(0, start.length)).toBe(start);
      expect(row.slice(start.length)).toMatch(/^\S.*\. \|$/);
    });
  });

  test("has an example that plans, all of it with effect", async () => {
    const made = await plan(yaml(withModels(blockOf(page, "yaml"))));
    expect(made.method).toBe(method.name);
    // What has no effect is noted with its path in the recipe.
    expect(made.notes.filter((note) => note.startsWith("`"))).toEqual([]);
    expect(made.steps.length).toBeGreaterThan(20);
  });

  test("has the same example in TypeScript", async () => {
    const recipe = await recipeIn(withModels(blockOf(page, "ts")));
    const other = await plan(yaml(withModels(blockOf(page, "yaml"))));
    expect((await plan(recipe)).hash).toBe(other.hash);
  });
});

describe("the README's table", () => {
  const BASES: Readonly<Record<Method["base"], string>> = {
    required: "needed",
    optional: "optional",
    among: "one of the two",
    participant: "a model like the others",
    ignored: "ignored",
  };
  const rows = pageOf("README").match(/^\| \[.*$/gm) ?? [];

  test("has the methods in their order", () => {
    const names = rows.map((row) => /^\| \[(\w+)\]/.exec(row)?.[1]);
    expect(names).toEqual([...METHODS.keys()]);
  });

  test.each([...METHODS.values()])("links $name and says its base and models", (method) => {
    const { min, max } = method.models;
    const models = min === max ? `${min}` : `${min} to ${max}`;
    const row = rows.find((each) => each.startsWith(`| [${method.name}](${method.name}.md) | `));
    expect(row).toContain(` | ${BASES[method.base]} | ${models} | `);
  });
});
