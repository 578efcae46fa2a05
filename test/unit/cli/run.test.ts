import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { run } from "../../../lib/cli/run.ts";
import { listTree, makeSparse, useFolder } from "../../make.ts";
import { jsonOf, runLine } from "./streams.ts";

const ROOT = join(import.meta.dirname, "../../..");
const CLI = join(ROOT, "dist/cli.js");
const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

describe("help", () => {
  const OPTIONS: Record<string, string[]> = {
    merge: [
      "--overwrite",
      "--random-seed",
      "--out-shard-size",
      "--threads",
      "--max-memory",
      "--backend",
      "--isa",
      "--io",
      "--no-sync",
      "--json",
      "--quiet",
    ],
    plan: ["--tensors", "--random-seed", "--out-shard-size", "--json"],
    explain: ["--json"],
    inspect: ["--offline", "--transformers-cache", "--json"],
    diff: [
      "--base",
      "--all",
      "--offline",
      "--transformers-cache",
      "--html",
      "--threads",
      "--json",
      "--quiet",
    ],
    verify: ["--replay", "--threads", "--json"],
    average: ["--last", "--ema", "--dtype", "--max-shard-size", "--overwrite", "--no-sync"],
    convert: ["--dtype", "--max-shard-size", "--overwrite"],
    reshard: ["--max-shard-size", "--overwrite"],
  };

  test("without a command is shown, and the code is 2", async () => {
    const { code, out, error } = await runLine();
    expect(code).toBe(2);
    expect(out.join("\n")).toContain("weightloom merge RECIPE.yml OUT/");
    expect(error).toEqual([]);
  });

  test.each([["help"], ["--help"], ["-h"]])("%s lists the commands", async (...argv) => {
    const { code, out } = await runLine(...argv);
    expect(code).toBe(0);
    for (const command of Object.keys(OPTIONS)) {
      expect(out.join("\n")).toContain(`weightloom ${command} `);
    }
  });

  test.each(Object.keys(OPTIONS))("of %s names its options, in three ways", async (command) => {
    const ways = [
      [command, "--help"],
      [command, "x", "-h"],
      ["help", command],
    ];
    const [first, ...others] = await Promise.all(ways.map((argv) => runLine(...argv)));
    expect(first.code).toBe(0);
    expect(first.out.join("\n")).toMatch(new RegExp(`^weightloom ${command} `));
    for (const option of OPTIONS[command]) expect(first.out.join("\n")).toContain(option);
    for (const other of others) expect(other).toEqual(first);
  });
});

test("help for what is no command lists the commands", async () => {
  expect(await runLine("help", "marge")).toEqual(await runLine("help"));
});

test("a defect is told with where it happened, and ends with 1", async () => {
  const error: string[] = [];
  const out = () => {
    throw new TypeError("a defect");
  };
  expect(await run(["--version"], { out, error: (line) => error.push(line) })).toBe(1);
  expect(error).toHaveLength(1);
  expect(error[0]).toMatch(/^TypeError: a defect\n {4}at .*run\.test\.ts/s);
});

test.each(["--version", "version"])("%s is the package's version", async (word) => {
  expect(await runLine(word)).toEqual({ code: 0, out: [version], error: [] });
});

describe("mistakes", () => {
  test.each([
    ["marge", "merge"],
    ["plans", "plan"],
    ["inspct", "inspect"],
    ["dif", "diff"],
    ["avrage", "average"],
    ["reshrad", "reshard"],
  ])("the command %s gets the suggestion %s", async (typed, meant) => {
    const { code, out, error } = await runLine(typed, "x");
    expect(code).toBe(2);
    expect(out).toEqual([]);
    expect(error).toHaveLength(1);
    expect(error[0]).toContain(`error ARGUMENT: no command ${typed} (did you mean ${meant}? `);
  });

  test("a command that is like no other gets the list", async () => {
    const { code, error } = await runLine("xyzzyplugh");
    expect(code).toBe(2);
    expect(error[0]).toMatch(/^error ARGUMENT: no command xyzzyplugh \(commands: merge, plan, /);
  });

  test("an option that is not there gets a suggestion", async () => {
    const { code, error } = await runLine("merge", "a.yml", "out", "--thread", "4");
    expect(code).toBe(2);
    expect(error).toEqual(["error ARGUMENT: no option --thread (did you mean --threads?)"]);
  });

  test("with --json are told as JSON on the output", async () => {
    const ended = await runLine("plan", "nowhere.yml", "--json");
    expect(ended.code).toBe(2);
    expect(ended.error).toEqual([]);
    expect(jsonOf(ended).error).toMatchObject({
      code: "RECIPE_UNREADABLE",
      problems: [{ code: "RECIPE_UNREADABLE", place: { file: "nowhere.yml" } }],
    });
  });
});

describe("as a process", () => {
  const folder = useFolder("process");

  test("writes results to stdout and ends with the command's code", () => {
    const good = spawnSync(process.execPath, [CLI, "--version"], { encoding: "utf8" });
    expect(good).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: "" });
    const bad = spawnSync(process.execPath, [CLI, "merge"], { encoding: "utf8" });
    expect(bad).toMatchObject({ status: 2, stdout: "" });
    expect(bad.stderr).toBe("error ARGUMENT: expected RECIPE.yml OUT/, found 0 of 2 arguments\n");
  });

  test.runIf(process.platform !== "win32").each(["SIGINT", "SIGTERM"] as const)(
    "ends a merge with 130 on %s, and leaves nothing",
    async (signal) => {
      const w = { dtype: "F32", shape: [1 << 27] } as const;
      const models = ["base", "a"].map((name) => makeSparse(join(folder, name), { w }));
      const recipe = join(folder, "recipe.yml");
      const [base, a] = models;
      const body = `base_model: ${base}\nmodels: [{model: ${a}, parameters: {density: 0.5}}]\n`;
      writeFileSync(recipe, `merge_method: ties\n${body}parameters: {weight: 1}\n`);
      const before = listTree(folder);
      const child = spawn(process.execPath, [CLI, "merge", recipe, join(folder, "out")]);
      child.stderr.once("data", () => child.kill(signal));
      let text = "";
      child.stderr.on("data", (part) => {
        text += part;
      });
      const code = await new Promise((resolve) => child.on("close", resolve));
      expect(text).toContain("error ABORTED: the merge was cancelled");
      expect(code).toBe(130);
      expect(listTree(folder)).toEqual(before);
    },
  );
});
