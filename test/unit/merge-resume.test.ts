/**
 * A merge that was killed goes on with its whole shards, and yields the bytes of one that was not.
 * What is killed is a process of its own, which runs the built package.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { defineMethod } from "../../lib/index.ts";
import { type MergeOptions, merge, plan } from "../../lib/merge.ts";
import type { RecipeObject } from "../../lib/recipe-object.ts";
import { BACKENDS } from "../backends.ts";
import { folderContent, makeModel, refusal, type Tensors, useFolder } from "../make.ts";
import { Random } from "../parity/values.ts";
import { QUICK_TICKS } from "../ticks.ts";

const PACKAGE = pathToFileURL(join(import.meta.dirname, "../../dist/index.js")).href;
const SHARDS = 8;
const folder = useFolder("resume");
const MODELS = ["base", "a", "b"].map((name) => join(folder, name));
const out = join(folder, "out");

/** A tensor for each shard, with an odd value here and there, and integers that must agree. */
function tensorsOf(seed: number): Tensors {
  const random = new Random(seed);
  const entries = Array.from({ length: SHARDS }, (_, i) => {
    const bytes = Buffer.alloc(2 * 1_000_000);
    for (let k = 0; k < 200; k++) bytes.writeUInt16LE(random.word() & 0xbfff, 10_000 * k);
    if (i % 3 === 0) bytes.writeUInt16LE(0x7fc1, 64);
    return [`model.layers.${i}.w`, { dtype: "BF16", shape: [1000, 1000], bytes }] as const;
  });
  const steps = { dtype: "I64", shape: [4], values: [1, 2, 3, 4] } as const;
  return { ...Object.fromEntries(entries), steps };
}

beforeAll(() => {
  MODELS.forEach((path, i) => {
    makeModel(path, tensorsOf(i + 1));
  });
});
afterEach(() => {
  for (const name of readdirSync(folder)) {
    if (name.startsWith("out")) rmSync(join(folder, name), { recursive: true });
  }
});

function recipe(merge_method: RecipeObject["merge_method"], weight = 0.5): RecipeObject {
  return {
    merge_method,
    base_model: MODELS[0],
    models: MODELS.slice(1).map((model) => ({ model })),
    parameters: { weight, ...(merge_method === "linear" ? {} : { density: 0.5 }) },
  };
}

type AnyRecipe = RecipeObject | string;

const OPTIONS = { out, shardSize: 2_100_000, sync: true } as const;

/**
 * Merges in a process of its own, which kills itself at the record of its nth shard: when that was
 * just put in its place, or is about to be. Threads of the engine are at the next shards then.
 * Native code hands shards over now and then, so it is made slow, and asked often. Whether the kill
 * came; a process that was not asked between two shards may have ended before.
 */
async function killAt(
  record: number,
  of: AnyRecipe,
  options: Partial<MergeOptions> = {},
  before = false,
): Promise<boolean> {
  const given = JSON.stringify([of, { ...OPTIONS, ...options, threads: 1 }]);
  const script = `
    import fs from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    const { renameSync } = fs;
    let left = ${record};
    fs.renameSync = (from, to) => {
      const last = /weightloom\\.shard-\\d+\\.json$/.test(to) && --left === 0;
      if (!last || !${before}) renameSync(from, to);
      if (last) process.kill(process.pid, "SIGKILL");
    };
    syncBuiltinESMExports();
    ${QUICK_TICKS}
    const { merge } = await import(${JSON.stringify(PACKAGE)});
    await merge(...JSON.parse(process.argv[1]));`;
  const args = ["--input-type=module", "-e", script, given];
  const env = { ...process.env, WEIGHTLOOM_ISA: "scalar" };
  const [code, signal] = await once(spawn(process.execPath, args, { env }), "exit");
  if (signal === "SIGKILL") return true;
  expect(code).toBe(0);
  rmSync(out, { recursive: true });
  return false;
}

function stages(): string[] {
  return readdirSync(folder).filter((name) => name.startsWith("out.weightloom-"));
}

/** What lies in a folder, which may vanish at any time. */
function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Paths of the records of whole shards. */
function records(): string[] {
  return stages().flatMap((stage) => {
    const path = join(folder, stage);
    const names = namesIn(path);
    const found = names.filter((name) => /^weightloom\.shard-\d+\.json$/.test(name));
    return found.map((name) => join(path, name)).sort();
  });
}

/** How many shards a merge went on with, by its notes. */
function reused(notes: readonly string[]): number {
  const line = notes.find((note) => note.startsWith("resumed: "));
  return Number(/^resumed: (\d+) of \d+ shards were whole$/.exec(line ?? "")?.[1] ?? 0);
}

/** The folder that an undisturbed merge publishes. */
async function undisturbed(of: AnyRecipe, options: Partial<MergeOptions> = {}) {
  const path = join(folder, "out-undisturbed");
  rmSync(path, { recursive: true, force: true });
  await merge(of, { ...OPTIONS, ...options, out: path });
  return folderContent(path);
}

/** Tries again until it is true that a kill came in time. */
async function untilKilled(attempt: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) if (await attempt()) return;
  throw new Error("no kill came between the first shard and the last");
}

/**
 * Leaves the stage of a killed merge; how many whole shards it has. By the reference unless told
 * otherwise, because that hands every shard over at once.
 */
async function interrupted(of: AnyRecipe, options: Partial<MergeOptions> = {}): Promise<number> {
  rmSync(out, { recursive: true, force: true });
  await untilKilled(() => killAt(2, of, { backend: "reference", ...options }));
  expect(records()).toHaveLength(2);
  return 2;
}

async function expectStartsOver(of: AnyRecipe, options: Partial<MergeOptions> = {}) {
  const { notes } = await merge(of, { ...OPTIONS, ...options });
  expect(reused(notes)).toBe(0);
  expect(folderContent(out)).toEqual(await undisturbed(of, options));
  expect(stages()).toEqual([]);
  return notes.join("\n");
}

/** Methods, and in how many rounds each is killed; the reference takes its time. */
const WAYS = {
  native: { methods: ["ties", "dare_ties", "linear"], of: recipe("ties"), rounds: 4 },
  reference: { methods: ["linear"], of: recipe("linear"), rounds: 2 },
} as const;

describe.each(BACKENDS)("%s: a merge that was killed", (backend) => {
  const { methods, of, rounds } = WAYS[backend];

  test("at any record goes on, to the bytes of one that was not", async () => {
    for (const method of methods) {
      const one = recipe(method);
      const whole = await undisturbed(one, { backend });
      for (let round = 1; round <= rounds; round++) {
        const before = round % 2 === 1;
        // Two kills in a row, so that a merge that goes on is killed too.
        await untilKilled(async () => {
          return (await killAt(round, one, { backend }, before)) && killAt(2, one, { backend });
        });
        expect(existsSync(out)).toBe(false);
        const { notes } = await merge(one, { ...OPTIONS, backend });
        expect(reused(notes)).toBe(round + (before ? 1 : 2));
        expect(folderContent(out)).toEqual(whole);
        expect(stages()).toEqual([]);
        rmSync(out, { recursive: true });
      }
    }
  });

  test("is resumed by the other backend with the same bytes", async () => {
    await interrupted(of, { backend });
    const other = BACKENDS.find((each) => each !== backend) ?? backend;
    const { notes, nonfinite } = await merge(of, { ...OPTIONS, backend: other });
    expect(reused(notes)).toBeGreaterThan(0);
    expect(folderContent(out)).toEqual(await undisturbed(of));
    const again = await merge(of, { ...OPTIONS, out: join(folder, "out-again") });
    expect(nonfinite).toEqual(again.nonfinite);
    expect(nonfinite.length).toBeGreaterThan(0);
  });

  test("tells its progress from what is there", async () => {
    const there = await interrupted(of, { backend });
    const done: number[] = [];
    const onProgress = ({ bytesDone }: { bytesDone: number }) => done.push(bytesDone);
    await merge(of, { ...OPTIONS, backend, onProgress });
    expect(done[0]).toBeGreaterThanOrEqual(there * 2_000_000);
    expect(done).toEqual([...done].sort((x, y) => x - y));
    expect(done.at(-1)).toBe(SHARDS * 2_000_000 + 32);
  });

  test("starts over when it is told to", async () => {
    await interrupted(of, { backend });
    expect(await expectStartsOver(of, { backend, resume: false })).not.toContain("interrupted");
  });
});

describe("a killed merge starts over, and says so, when", () => {
  const LINEAR = recipe("linear");
  const victim = join(MODELS[1], "model.safetensors");

  test("an input was written again", async () => {
    await interrupted(LINEAR);
    utimesSync(victim, 1, Math.random() * 1e9);
    expect(await expectStartsOver(LINEAR)).toMatch(/not resumed: its inputs .* have changed since/);
  });

  test("an input was replaced by another with the same header", async () => {
    await interrupted(LINEAR);
    const kept = readFileSync(victim);
    rmSync(victim);
    const other = Buffer.from(kept);
    other[other.length - 100] ^= 1;
    writeFileSync(victim, other);
    expect(await expectStartsOver(LINEAR)).toMatch(/not resumed: its inputs .* have changed since/);
  });

  test("the version is another, or a record is of another merge", async () => {
    await interrupted(LINEAR);
    const [record] = records();
    const kept = readFileSync(record);
    rmSync(join(record, ".."), { recursive: true });
    const others = recipe("linear", 0.25);
    await interrupted(others);
    for (const path of records()) writeFileSync(path, kept);
    expect(await expectStartsOver(others)).toMatch(
      /not resumed: .* the version have changed since/,
    );
  });

  const CHANGES: [string, RecipeObject, Partial<MergeOptions>][] = [
    ["a weight", recipe("linear", 0.25), {}],
    ["the method", recipe("ties"), {}],
    ["the dtype", { ...LINEAR, dtype: "float32" }, {}],
    ["the size of shards", LINEAR, { shardSize: 4_200_000 }],
    ["a model", { ...LINEAR, models: [{ model: MODELS[1] }] }, {}],
  ];
  test.each(CHANGES)("%s is another", async (_, changed, options) => {
    await interrupted(LINEAR);
    const notes = await expectStartsOver(changed, options);
    expect(notes).toMatch(/removed what an interrupted merge of another plan .*: out\.weightloom-/);
  });

  test("numbers come in one stream", async () => {
    const options = { random: "torch-cpu" } as const;
    const dare = recipe("dare_linear");
    await interrupted(dare, options);
    expect(await expectStartsOver(dare, options)).toMatch(/not resumed: random torch-cpu/);
  });
});

describe("what a killed merge has left is not trusted:", () => {
  const LINEAR = recipe("linear");

  /** Goes on after a change to the first record or shard; the count of shards it used. */
  async function afterChange(change: (record: string, shard: string) => void) {
    const there = await interrupted(LINEAR);
    const [record] = records();
    const shard = join(
      record,
      "..",
      (await shardNames())[Number(/-(\d+)\.json$/.exec(record)?.[1]) - 1],
    );
    change(record, shard);
    const { notes } = await merge(LINEAR, OPTIONS);
    expect(folderContent(out)).toEqual(await undisturbed(LINEAR));
    expect(reused(notes)).toBe(there - 1);
    expect(notes.join("\n")).toContain(`damaged and made again: 1 of ${SHARDS} shards`);
  }

  async function shardNames(): Promise<string[]> {
    return (await plan(LINEAR, { shardSize: OPTIONS.shardSize })).shards.map(({ name }) => name);
  }

  function flip(path: string, at: (size: number) => number): void {
    const bytes = readFileSync(path);
    bytes[at(bytes.length)] ^= 1;
    writeFileSync(path, bytes);
  }

  test.each([
    ["a bit of a shard's header", () => 20],
    ["the first bit of its tensors", (size: number) => size - 2_000_000],
    ["a bit in the middle", (size: number) => size - 1_000_001],
    ["the last bit", (size: number) => size - 1],
  ])("%s has flipped", async (_, at) => {
    await afterChange((_record, shard) => flip(shard, at));
  });

  test("a shard is shorter, longer, gone or a folder", async () => {
    await afterChange((_, shard) => truncateSync(shard, 1_000_000));
    rmSync(out, { recursive: true });
    await afterChange((_, shard) => writeFileSync(shard, "x", { flag: "a" }));
    rmSync(out, { recursive: true });
    await afterChange((_, shard) => rmSync(shard));
    rmSync(out, { recursive: true });
    await afterChange((_, shard) => {
      rmSync(shard);
      mkdirSync(join(shard, "folder"), { recursive: true });
    });
  });

  test("every byte of a record counts", async () => {
    await interrupted(LINEAR);
    const [record] = records();
    const { length } = readFileSync(record);
    const left = join(record, "..");
    const copy = join(folder, "copy-of-stage");
    cpSync(left, copy, { recursive: true });
    for (let at = 0; at < length; at += Math.ceil(length / 12)) {
      rmSync(out, { recursive: true, force: true });
      rmSync(left, { recursive: true, force: true });
      cpSync(copy, left, { recursive: true });
      flip(record, () => at);
      const { notes } = await merge(LINEAR, OPTIONS);
      expect(notes.join("\n")).toContain(`damaged and made again: 1 of ${SHARDS} shards`);
    }
    rmSync(copy, { recursive: true });
    expect(folderContent(out)).toEqual(await undisturbed(LINEAR));
  });

  test("a record is empty, cut, or no JSON", async () => {
    await afterChange((record) => writeFileSync(record, ""));
    rmSync(out, { recursive: true });
    await afterChange((record) => truncateSync(record, 100));
    rmSync(out, { recursive: true });
    await afterChange((record) => writeFileSync(record, "\n{"));
  });
});

describe("a merge that goes on", () => {
  const LINEAR = recipe("linear");

  test("makes the output busy for others", async () => {
    await interrupted(LINEAR);
    const both = [merge(LINEAR, OPTIONS), merge(LINEAR, OPTIONS), merge(recipe("ties"), OPTIONS)];
    const ends = await Promise.allSettled(both);
    const codes = ends.map((end) => (end.status === "rejected" ? end.reason.code : "done"));
    expect(codes).toEqual(["done", "OUTPUT_BUSY", "OUTPUT_BUSY"]);
    expect(folderContent(out)).toEqual(await undisturbed(LINEAR));
  });

  test("keeps its promise about values that are not finite", async () => {
    await interrupted(LINEAR);
    const options = { ...OPTIONS, onNonfinite: "error" } as const;
    expect((await refusal(() => merge(LINEAR, options))).code).toBe("NONFINITE");
    expect(stages()).toEqual([]);
    expect(existsSync(out)).toBe(false);
  });

  test("and is cancelled leaves nothing", async () => {
    await interrupted(LINEAR);
    const abort = new AbortController();
    const options = { ...OPTIONS, signal: abort.signal, onProgress: () => abort.abort() };
    expect((await refusal(() => merge(LINEAR, options))).code).toBe("ABORTED");
    await expect.poll(stages).toEqual([]);
  });

  test("does not trust a custom method to be the same", async () => {
    const method = defineMethod({
      name: "first_of_all",
      combine: ({ inputs, out: into }) => into.set(inputs[0]),
    });
    const of = {
      ...recipe("linear"),
      merge_method: "first_of_all",
      parameters: {},
    } as RecipeObject;
    const options = { ...OPTIONS, methods: [method] };
    const stage = join(folder, `out.weightloom-${(await plan(of, options)).hash.slice(0, 12)}`);
    mkdirSync(stage);
    expect(reused((await merge(of, options)).notes)).toBe(0);
    expect(stages()).toEqual([]);
  });
});

// The reference would take long, and has no part in these that is its own.
describe("a killed merge of the best backend", () => {
  const [backend] = BACKENDS;

  test("goes on where thresholds are those of a whole model", async () => {
    const ties = recipe("ties");
    const whole = { ...ties, parameters: { ...ties.parameters, density_scope: "model" } };
    await interrupted(whole as RecipeObject, { backend });
    const { notes } = await merge(whole as RecipeObject, { ...OPTIONS, backend });
    expect(reused(notes)).toBeGreaterThan(0);
    expect(folderContent(out)).toEqual(await undisturbed(whole as RecipeObject, { backend }));
  });

  test("goes on where it has several documents in one sweep", async () => {
    const [base, a, b] = MODELS;
    const path = join(folder, "documents.yml");
    const text = `name: first
merge_method: ties
base_model: ${base}
models: [{model: ${a}}, {model: ${b}}]
parameters: {weight: 0.5, density: 0.5}
---
merge_method: ties
base_model: ${base}
models: [{model: first}, {model: ${b}}]
parameters: {weight: 0.5, density: 0.5}
`;
    writeFileSync(path, text);
    await interrupted(path, { backend });
    const { notes } = await merge(path, { ...OPTIONS, backend });
    expect(reused(notes)).toBeGreaterThan(0);
    const paths = (content: string) =>
      content.replace(/"paths"[\s\S]*/, "").replaceAll(/"uses.*/g, "");
    const [one, other] = [folderContent(out), await undisturbed(path, { backend })].map((found) => {
      return { ...found, "weightloom.manifest.json": paths(found["weightloom.manifest.json"]) };
    });
    expect(one).toEqual(other);
    expect(stages()).toEqual([]);
  });
});
