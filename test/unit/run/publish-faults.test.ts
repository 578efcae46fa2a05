/** Where the system refuses at the last moment, the target holds what it held. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type MergeOptions, merge } from "../../../lib/merge.ts";
import { folderContent, makeLlama, makeModel, refusal, useFolder } from "../../make.ts";

type Fs = typeof import("node:fs");
type Addon = import("../../../lib/run/addon.ts").Addon;
interface Faults {
  /** Path of a folder that cannot be opened, as for syncing it. */
  open?: string | undefined;
  /** Path to which nothing can be renamed. */
  rename?: string | undefined;
  /** Code with which writes fail, and the least size of those that do. */
  write?: { code: string; from: number } | undefined;
  addon?: Partial<Addon> | undefined;
}
const faults = vi.hoisted((): Faults => ({}));

vi.mock("node:fs", async (load) => {
  const real = await load<Fs>();
  const fail = (code: string) => {
    throw Object.assign(new Error(`injected ${code}`), { code });
  };
  const openSync: Fs["openSync"] = (path, ...rest) => {
    return path === faults.open ? fail("EIO") : real.openSync(path, ...rest);
  };
  const writeSync = (...args: Parameters<Fs["writeSync"]>) => {
    const size = (args[1] as unknown as Uint8Array).byteLength;
    if (faults.write !== undefined && size >= faults.write.from) fail(faults.write.code);
    return real.writeSync(...args);
  };
  const renameSync: Fs["renameSync"] = (from, to) => {
    return to === faults.rename ? fail("EIO") : real.renameSync(from, to);
  };
  return { ...real, openSync, writeSync, renameSync };
});
vi.mock("../../../lib/run/addon.ts", async (load) => {
  const real = await load<typeof import("../../../lib/run/addon.ts")>();
  return {
    ...real,
    loadAddon: () => {
      if (faults.addon === undefined) return real.loadAddon();
      return {
        addon: { targets: [], reserve: () => undefined, exchange: () => false, ...faults.addon },
      };
    },
  };
});

const folder = useFolder("publish-faults");
const model = makeLlama(join(folder, "model"), { hidden: 64 });
let outputs = 0;

afterEach(() => {
  faults.open = faults.rename = faults.write = faults.addon = undefined;
});

function refused(out: string, options: Partial<MergeOptions> = {}) {
  const recipe = { merge_method: "passthrough", models: [{ model }] } as const;
  return refusal(() => merge(recipe, { out, backend: "reference", ...options }));
}

function fresh(): string {
  const out = join(folder, `place-${outputs++}`, "out");
  mkdirSync(dirname(out));
  return out;
}

function taken(): string {
  return makeModel(fresh(), { old: { dtype: "I8", shape: [1] } });
}

test("when nothing can be moved to the target any more, the error says where its content is", async () => {
  const out = taken();
  const before = folderContent(out);
  faults.rename = out;
  faults.addon = {};
  const error = await refused(out, { overwrite: true });
  const [, aside] =
    /what was there lies at (\S+) and cannot be moved back/.exec(error.message) ?? [];
  expect([error.code, existsSync(out)]).toEqual(["WRITE_FAILED", false]);
  expect(folderContent(aside as string)).toEqual(before);
});

describe("when the folder around the target cannot be synced", () => {
  test("what lay there lies there again", async () => {
    const out = taken();
    const before = folderContent(out);
    faults.open = dirname(out);
    const error = await refused(out, { overwrite: true });
    expect(error).toMatchObject({ code: "WRITE_FAILED", message: `${out}: injected EIO` });
    expect(folderContent(out)).toEqual(before);
    expect(readdirSync(dirname(out))).toEqual(["out"]);
  });

  test("nothing lies there where nothing did", async () => {
    const out = fresh();
    faults.open = dirname(out);
    expect((await refused(out)).code).toBe("WRITE_FAILED");
    expect(readdirSync(dirname(out))).toEqual([]);
  });
});

test("what comes to lie at the target meanwhile is not overwritten", async () => {
  const out = fresh();
  const onProgress = () => {
    if (existsSync(out)) return;
    mkdirSync(out);
    writeFileSync(join(out, "mine"), "");
  };
  const error = await refused(out, { onProgress });
  expect(error.code).toBe("OUTPUT_EXISTS");
  expect(error.hint).toContain("--overwrite");
  expect(readdirSync(dirname(out))).toEqual(["out"]);
  expect(readdirSync(out)).toEqual(["mine"]);
});

test.each([
  ["ENOSPC", "NO_SPACE", "free some space"],
  ["EDQUOT", "NO_SPACE", "free some space"],
  ["EIO", "WRITE_FAILED", undefined],
])("a write of a small file that fails with %s is %s", async (code, expected, hint) => {
  const out = fresh();
  faults.write = { code, from: 0 };
  const error = await refused(out);
  expect(error.code).toBe(expected);
  if (hint === undefined) expect(error.hint).toBeUndefined();
  else expect(error.hint).toContain(hint);
  expect(readdirSync(dirname(out))).toEqual([]);
});

test.each([
  ["ENOSPC", "NO_SPACE"],
  ["EIO", "WRITE_FAILED"],
])("a write of a tensor that fails with %s is %s", async (code, expected) => {
  const out = fresh();
  // Headers and companion files are smaller than the largest tensor.
  faults.write = { code, from: 64 * 128 * 2 };
  expect((await refused(out)).code).toBe(expected);
  expect(readdirSync(dirname(out))).toEqual([]);
});

describe("by the addon", () => {
  test("room that cannot be reserved is told with how much is needed", async () => {
    const out = fresh();
    faults.addon = { reserve: () => ({ code: "NO_SPACE", message: "full" }) };
    const error = await refused(out);
    expect(error).toMatchObject({ code: "NO_SPACE", message: "full" });
    expect(error.hint).toMatch(/^the output needs \d+ bytes$/);
    expect(readdirSync(dirname(out))).toEqual([]);
  });

  test("folders that cannot be exchanged stay where they lay", async () => {
    const out = taken();
    const before = folderContent(out);
    faults.addon = { exchange: () => ({ code: "WRITE_FAILED", message: "no" }) };
    expect(await refused(out, { overwrite: true })).toMatchObject({ message: "no" });
    expect(folderContent(out)).toEqual(before);
    expect(readdirSync(dirname(out))).toEqual(["out"]);
  });
});

test("the root of all folders holds every input", async () => {
  expect((await refused("/")).code).toBe("OUTPUT_IS_INPUT");
});
