/** What is done where no addon loads: the reference computes, and files are put in place by names. */
import { renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { noteBackend } from "../../../lib/cli/running.ts";
import { merge } from "../../../lib/merge.ts";
import { backendInfo, chooseBackend, chooseIsa } from "../../../lib/run/backend.ts";
import { nativeBackend } from "../../../lib/run/native.ts";
import { exchange } from "../../../lib/run/replace.ts";
import {
  folderContent,
  makeLlama,
  makeModel,
  refusal,
  tensorContent,
  useFolder,
} from "../../make.ts";

const before = vi.hoisted(() => {
  const value = process.env.WEIGHTLOOM_BACKEND;
  process.env.WEIGHTLOOM_BACKEND = "reference";
  return value;
});
afterAll(() => {
  if (before === undefined) delete process.env.WEIGHTLOOM_BACKEND;
  else process.env.WEIGHTLOOM_BACKEND = before;
});

const folder = useFolder("without-addon");
const REASON = "WEIGHTLOOM_BACKEND=reference";

test("auto is the reference, and why is told", () => {
  expect(backendInfo()).toEqual({ backend: "reference", targets: [], reason: REASON });
  expect(chooseBackend().name).toBe("reference");
});

test("native is refused, with what to do", async () => {
  const error = await refusal(() => chooseBackend("native"));
  expect(error.code).toBe("BACKEND");
  expect(error.message).toBe(`the native backend is not available: ${REASON}`);
  expect(error.hint).toContain("npm run build:native");
  const work = { sources: [], outputs: [], steps: [] };
  const options = { threads: 1, isa: "", sync: false, io: "mmap" } as const;
  const direct = await refusal(() => nativeBackend.executeSync(work, options));
  expect(direct).toMatchObject({ code: "BACKEND", message: error.message });
});

test("targets are known by their names", async () => {
  expect(chooseIsa("avx2")).toBe("avx2");
  expect((await refusal(() => chooseIsa("sse2"))).hint).toBe(
    "it can run: avx512, avx2, neon, scalar",
  );
});

test("the command says so once, unless it was asked for", () => {
  const lines: string[] = [];
  const streams = { out: () => {}, error: (line: string) => lines.push(line) };
  noteBackend({ backend: "reference" }, streams);
  expect(lines).toEqual([]);
  noteBackend({}, streams);
  expect(lines).toEqual([`note: ${REASON}; using the TypeScript reference backend`]);
});

test("a merge replaces what lies at the target", async () => {
  const models = [1, 2].map((seed) => {
    return { model: makeLlama(join(folder, `m${seed}`), { seed }), parameters: { weight: 1 } };
  });
  const out = makeModel(join(folder, "out"), { old: { dtype: "I8", shape: [1] } });
  const recipe = { merge_method: "linear", models } as const;
  const { backend } = await merge(recipe, { out, overwrite: true });
  expect(backend).toBe("reference");
  expect(Object.keys(tensorContent(out))).toHaveLength(9);
});

describe("two folders change places by names", () => {
  const make = (name: string) =>
    makeModel(join(folder, name), { [name]: { dtype: "I8", shape: [1] } });

  test("and back", () => {
    const [a, b] = [make("a"), make("b")];
    const [was, other] = [folderContent(a), folderContent(b)];
    exchange(a, b, join(folder, "aside"));
    expect([folderContent(a), folderContent(b)]).toEqual([other, was]);
    exchange(a, b, join(folder, "aside"));
    expect([folderContent(a), folderContent(b)]).toEqual([was, other]);
  });

  test("or stay, where one of them has gone", () => {
    const b = make("c");
    const was = folderContent(b);
    expect(() => exchange(join(folder, "nowhere"), b, join(folder, "aside"))).toThrow("ENOENT");
    expect(folderContent(b)).toEqual(was);
    expect(() => renameSync(join(folder, "aside"), b)).toThrow("ENOENT");
  });
});
