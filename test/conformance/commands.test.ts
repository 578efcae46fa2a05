/** Every command and every example of docs/commands.md runs, and the page knows every command. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { HELP, helpFor } from "../../lib/cli/help.ts";
import * as weightloom from "../../lib/index.ts";
import { useFolder } from "../make.ts";

const ROOT = join(import.meta.dirname, "../..");
const page = readFileSync(join(ROOT, "docs/commands.md"), "utf8");
const folder = useFolder("commands");

/** Fenced blocks of a language, in order. */
function blocks(language: string): string[] {
  return [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, of, text]) => {
    return of === language ? [text] : [];
  });
}

const lines = blocks("sh").flatMap((text) => text.trim().split("\n"));
const commands = [...HELP.matchAll(/^ {2}weightloom ([a-z]+) /gm)].map(([, name]) => name);

function run(program: string, args: readonly string[]) {
  return spawnSync(program, args, { cwd: folder, encoding: "utf8" });
}

beforeAll(() => {
  symlinkSync(join(ROOT, "examples/models"), join(folder, "models"), "junction");
  const entry = (name: string) => {
    return `  - model: models/${name}\n    parameters: {weight: 1, density: 0.5}\n`;
  };
  const text = `merge_method: ties\nbase_model: models/base\nmodels:\n${["add", "sort"].map(entry).join("")}`;
  writeFileSync(join(folder, "ties.yml"), text);
});

test("the page has a row and a line for every command of the help, and no other", () => {
  const rows = [...page.matchAll(/^\| `([a-z]+) /gm)].map(([, name]) => name);
  expect(rows).toEqual(commands);
  const used = new Set(lines.map((line) => line.split(" ")[1]));
  expect([...used].sort()).toEqual([...commands].sort());
});

test("the functions that the page names are exported", () => {
  const rows = [...page.matchAll(/^\| `[a-z]+ [^|]*\| ([^|]*) \|/gm)];
  const names = rows.flatMap(([, cell]) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name));
  expect(names).toHaveLength(12);
  for (const name of names) expect(weightloom).toHaveProperty(name);
});

test("every option that the page names is in the help of its command", () => {
  for (const line of lines) {
    const [, command] = line.split(" ");
    for (const [option] of line.matchAll(/--[a-z-]+/g)) expect(helpFor(command)).toContain(option);
  }
});

describe("each line of the page", () => {
  test.each(lines)("%s", (line) => {
    const [program, ...args] = line.split(" ");
    expect(program).toBe("weightloom");
    const { status, stdout, stderr } = run(process.execPath, [join(ROOT, "dist/cli.js"), ...args]);
    expect(status, stderr).toBe(args[0] === "diff" ? 1 : 0);
    expect(stdout).not.toBe("");
    const html = args.indexOf("--html");
    if (html !== -1) expect(existsSync(join(folder, args[html + 1]))).toBe(true);
  });
});

test("every example in TypeScript runs with what the lines have written", () => {
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  mkdirSync(join(folder, "node_modules/@types"), { recursive: true });
  symlinkSync(ROOT, join(folder, "node_modules/weightloom"), "junction");
  symlinkSync(
    join(ROOT, "node_modules/@types/node"),
    join(folder, "node_modules/@types/node"),
    "junction",
  );
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const names = blocks("ts").map((text, i) => {
    writeFileSync(join(folder, `example-${i}.ts`), text);
    return `example-${i}`;
  });
  expect(names).toHaveLength(4);
  const options = ["--strict", "--target", "es2022", "--module", "nodenext", "--types", "node"];
  const compiled = run(process.execPath, [
    compiler,
    ...options,
    ...names.map((name) => `${name}.ts`),
  ]);
  expect(compiled.stdout).toBe("");
  for (const name of names) {
    const { status, stdout, stderr } = run(process.execPath, [`${name}.js`]);
    expect(status, stderr).toBe(0);
    expect(stdout).not.toMatch(/undefined|NaN/);
  }
});
