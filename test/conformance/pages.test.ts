/**
 * What README.md and the pages of docs/ tell people to type works. Of every page, in order:
 *
 *   yaml       is written to the file that its first line names, `# recipe.yml`, and must plan,
 *              unless that line says `(refused)`
 *   sh         runs in a shell, in a folder with models/base, reverse, sort and add
 *   js, ts     compiles, with types, and runs in the same folder
 *
 * Any other language is only shown. docs/commands.md and docs/methods have tests of their own.
 */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import * as weightloom from "../../lib/index.ts";
import { plan } from "../../lib/merge.ts";
import { useFolder } from "../make.ts";
import { shellEnvironment } from "../shell.ts";

const ROOT = join(import.meta.dirname, "../..");
const place = useFolder("pages");
/** Inside of the checkout, so that "weightloom" is found. */
const BUILT = join(ROOT, "build-docs");

interface Block {
  language: string;
  text: string;
  line: number;
}

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(ROOT, page), "utf8");
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(({ 1: language, 2: body, index }) => {
    return { language, text: body, line: text.slice(0, index).split("\n").length + 1 };
  });
}

const PAGES = [
  "README.md",
  "examples/uses/README.md",
  ...readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md") && name !== "commands.md")
    .map((name) => `docs/${name}`),
];

const isCode = ({ language }: Block) => language === "ts" || language === "js";
const programName = (page: string, { line, language }: Block) =>
  `${page.replace(/\W/g, "_")}_${line}.m${language}`;

function folderOf(page: string): string {
  return join(place, page.replace(/\W/g, "_"));
}

function run(program: string, args: readonly string[], cwd: string) {
  const env = shellEnvironment(join(place, "bin"));
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: "utf8" });
  expect(status, `${stdout}${stderr}`).toBe(0);
}

/** All programs at once: starting the compiler is what takes time. */
function compilePrograms() {
  rmSync(BUILT, { recursive: true, force: true });
  mkdirSync(join(BUILT, "source"), { recursive: true });
  for (const page of PAGES) {
    for (const block of blocksOf(page).filter(isCode)) {
      writeFileSync(join(BUILT, "source", programName(page, block)), block.text);
    }
  }
  const compilerOptions = { rootDir: "source", outDir: "built", allowJs: true };
  const own = { declaration: false, declarationMap: false, isolatedDeclarations: false };
  const config = {
    extends: "../tsconfig.json",
    compilerOptions: { ...compilerOptions, ...own },
    include: ["source"],
  };
  writeFileSync(join(BUILT, "tsconfig.json"), JSON.stringify(config));
  run(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", "."], BUILT);
}

/** Writes the recipes of a page, and checks that they plan. */
async function checkRecipe(folder: string, text: string) {
  const [, name, refused] = /^# ([\w.-]+)( \(refused\))?\n/.exec(text) ?? [];
  expect(name, "the first line of a recipe names its file").toBeDefined();
  writeFileSync(join(folder, name), text);
  if (refused !== undefined) await expect(plan(join(folder, name))).rejects.toThrow();
}

beforeAll(compilePrograms);

describe.each(PAGES)("%s", (page) => {
  const folder = folderOf(page);
  const blocks = blocksOf(page);

  test("recipes, commands and programs run", async () => {
    mkdirSync(folder, { recursive: true });
    cpSync(join(ROOT, "examples/models"), join(folder, "models"), { recursive: true });
    // Commands may stand before the recipe that they name.
    const recipes = blocks.filter(({ language }) => language === "yaml");
    for (const { text } of recipes) await checkRecipe(folder, text);
    for (const block of blocks) {
      if (block.language === "sh") run("sh", ["-euc", block.text], folder);
      if (!isCode(block)) continue;
      const built = programName(page, block).replace(/\.mts$/, ".mjs");
      run(process.execPath, [join(BUILT, "built", built)], folder);
    }
    for (const { text } of recipes) {
      const [, name, refused] = /^# ([\w.-]+)( \(refused\))?\n/.exec(text) ?? [];
      const cacheDir = join(folder, "cache");
      if (refused === undefined) await plan(join(folder, name), { offline: true, cacheDir });
    }
  });

  test("links lead to files", () => {
    const text = readFileSync(join(ROOT, page), "utf8");
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      expect(existsSync(join(ROOT, dirname(page), target)), target).toBe(true);
    }
  });
});

test("docs/api.md names every export, and no other", () => {
  const index = readFileSync(join(ROOT, "lib/index.ts"), "utf8");
  const exported = [...index.matchAll(/export (?:type )?\{(.*?)\}/gs)].flatMap(([, names]) =>
    names.split(",").map((name) => name.replace(/\btype\b/, "").trim()),
  );
  const all = exported.filter((name) => name !== "");
  expect(Object.keys(weightloom).filter((name) => !all.includes(name))).toEqual([]);
  const api = readFileSync(join(ROOT, "docs/api.md"), "utf8");
  const firsts = [...api.matchAll(/^\| (`.*?) \|/gm)].map(([, cell]) => cell);
  const named = firsts.flatMap((cell) => [...cell.matchAll(/`(\w+)/g)].map(([, name]) => name));
  expect(named.sort()).toEqual([...new Set(all)].sort());
});

test("the README's figures are those of docs/performance.md", () => {
  const rows = readFileSync(join(ROOT, "README.md"), "utf8").match(/^\| \w+ \| [\d.]+ \|.*$/gm);
  const performance = readFileSync(join(ROOT, "docs/performance.md"), "utf8");
  expect(rows?.length).toBeGreaterThan(3);
  for (const row of rows ?? []) expect(performance).toContain(`\n${row}\n`);
});

test("CONTRIBUTING names scripts that exist", () => {
  const [{ text }] = blocksOf("CONTRIBUTING.md").filter(({ language }) => language === "sh");
  const commands = text
    .replace(/ *#.*$/gm, "")
    .split(/\n|&&/)
    .map((line) => line.trim());
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  for (const command of commands.filter((each) => each !== "")) {
    const [program, word, name] = command.split(" ");
    if (program.startsWith("scripts/")) expect(existsSync(join(ROOT, program)), command).toBe(true);
    else expect(scripts, command).toHaveProperty([word === "run" ? name : word]);
  }
});

test("the README is short", () => {
  expect(readFileSync(join(ROOT, "README.md"), "utf8").split("\n").length).toBeLessThanOrEqual(121);
});
