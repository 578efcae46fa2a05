/** What earlier merges left beside a target: removed, put back or left alone, by who owns it. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { merge, plan } from "../../lib/merge.ts";
import type { RecipeObject } from "../../lib/recipe-object.ts";
import { asidePath, privatePath } from "../../lib/run/leftovers.ts";
import { makeLlama, makeModel, refusal, useFolder } from "../make.ts";

const PACKAGE = pathToFileURL(join(import.meta.dirname, "../../dist/index.js")).href;
const folder = useFolder("leftovers");
const a = makeLlama(join(folder, "a"), { seed: 1 });
const recipe: RecipeObject = { merge_method: "passthrough", models: [{ model: a }] };
const place = join(folder, "place");
const out = join(place, "out");
const HASH = "0123456789ab";
const dead = spawnSync(process.execPath, ["-e", ""]).pid;
const DEAD = JSON.stringify({ pid: dead, host: hostname() });
const LIVING = JSON.stringify({ pid: process.ppid, host: hostname() });

afterEach(() => rmSync(place, { recursive: true, force: true }));

function leave(path: string, lock?: string): string {
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "model.safetensors"), "a model");
  if (lock !== undefined) writeFileSync(join(path, "weightloom.lock"), lock);
  return path;
}

/** The same name as a process that is gone would have given. */
function ofTheDead(path: string): string {
  return path.replace(`.${process.pid}-`, `.${dead}-`);
}

const stage = `${out}.weightloom-${HASH}`;

describe("a merge removes what a dead process left beside its output:", () => {
  test.each([
    ["a stage of another plan", stage, DEAD],
    ["a stage without a lock", stage, undefined],
    ["a stage that was about to be published", ofTheDead(privatePath(stage)), undefined],
    ["results of named documents", `${out}.weightloom-parts-AbC123`, DEAD],
  ])("%s", async (_, path, lock) => {
    leave(path, lock);
    const { notes } = await merge(recipe, { out });
    expect(notes).toEqual([
      `removed what an interrupted merge of another plan or inputs had left: ${basename(path)}`,
    ]);
    expect(readdirSync(place)).toEqual(["out"]);
  });

  test.each([
    ["what a living process has in hand", privatePath(stage), undefined],
    ["results of named documents of a living process", `${out}.weightloom-parts-AbC123`, LIVING],
    ["a folder whose owner is not known", `${out}.weightloom-parts-AbC123`, undefined],
    ["other names", `${out}.weightloom-mine`, DEAD],
    ["the stage of another output", `${out}2.weightloom-${HASH}`, DEAD],
  ])("but not %s", async (_, path, lock) => {
    leave(path, lock);
    expect((await merge(recipe, { out })).notes).toEqual([]);
    expect(readdirSync(place).sort()).toEqual([basename(out), basename(path)].sort());
  });

  test("and refuses to write beside another plan's living merge", async () => {
    leave(stage, LIVING);
    const error = await refusal(() => merge(recipe, { out }));
    expect(error).toMatchObject({ code: "OUTPUT_BUSY", hint: `its stage is ${stage}` });
    expect(readdirSync(place)).toEqual([basename(stage)]);
  });
});

describe("a replacement that was cut short", () => {
  const aside = () => ofTheDead(asidePath(stage));

  test("before the new model came is undone", async () => {
    leave(aside());
    const error = await refusal(() => merge(recipe, { out }));
    expect(error.code).toBe("OUTPUT_EXISTS");
    expect(readFileSync(join(out, "model.safetensors"), "utf8")).toBe("a model");
    expect(readdirSync(place)).toEqual(["out"]);
    await merge(recipe, { out, overwrite: true });
    expect(readdirSync(place)).toEqual(["out"]);
  });

  test("is undone where an empty folder has been made since", async () => {
    leave(aside());
    mkdirSync(out);
    expect((await refusal(() => merge(recipe, { out }))).code).toBe("OUTPUT_EXISTS");
    expect(readFileSync(join(out, "model.safetensors"), "utf8")).toBe("a model");
  });

  test("after the new model came is finished", async () => {
    await merge(recipe, { out });
    leave(aside());
    await merge(recipe, { out, overwrite: true });
    expect(readdirSync(place)).toEqual(["out"]);
  });

  test("is not touched while its process lives", async () => {
    const path = leave(asidePath(stage));
    await merge(recipe, { out });
    expect(readdirSync(place).sort()).toEqual(["out", basename(path)].sort());
  });
});

test("a merge that was cancelled can begin again at once", async () => {
  const big = makeModel(join(folder, "big"), {
    w: { dtype: "BF16", shape: [4000, 1000], bytes: new Uint8Array(8_000_000) },
  });
  const models = [{ model: big }, { model: big }];
  const mean: RecipeObject = { merge_method: "linear", models, parameters: { weight: 1 } };
  for (let i = 0; i < 10; i++) {
    const abort = new AbortController();
    const running = merge(mean, { out, signal: abort.signal });
    setTimeout(() => abort.abort(), 2 * i);
    await running.catch(() => {});
    rmSync(out, { recursive: true, force: true });
    await merge(mean, { out });
    rmSync(out, { recursive: true });
  }
  await expect.poll(() => readdirSync(place)).toEqual([]);
});

test("named documents of a killed process are cleared away by the next", async () => {
  const path = join(folder, "documents.yml");
  const text = `name: first
merge_method: linear
models: [{model: ${a}}]
parameters: {weight: 1}
---
merge_method: passthrough
models: [{model: first}]
`;
  writeFileSync(path, text);
  const script = `
    import { merge } from ${JSON.stringify(PACKAGE)};
    const onProgress = () => process.kill(process.pid, "SIGKILL");
    await merge(${JSON.stringify(path)}, { out: ${JSON.stringify(out)}, onProgress });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script]);
  const [, signal] = await once(child, "exit");
  expect(signal).toBe("SIGKILL");
  expect(readdirSync(place).join()).toContain("out.weightloom-parts-");
  const { notes } = await merge(path, { out });
  expect(notes.join()).toContain("removed what an interrupted merge");
  expect(readdirSync(place)).toEqual(["out"]);
  const hash = (await plan(recipe)).hash.slice(0, 12);
  expect(existsSync(`${out}.weightloom-${hash}`)).toBe(false);
});
