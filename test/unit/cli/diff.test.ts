import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makeModel, useFolder } from "../../make.ts";
import { jsonOf, runLine } from "./streams.ts";

const folder = useFolder("cli-diff");
const model = (name: string, w: number[], more = {}) => {
  const values = { dtype: "F32", shape: [w.length], values: w } as const;
  return makeModel(join(folder, name), { w: values, same: { dtype: "F32", shape: [3] }, ...more });
};
const [base, a, b] = [model("base", [1, 1]), model("a", [2, 1]), model("b", [0, 3])];

describe("the exit code is that of diff(1)", () => {
  test.each([
    [0, ["diff", a, a]],
    [1, ["diff", a, b]],
    [2, ["diff", a, join(folder, "nowhere")]],
    [2, ["diff", a]],
    [2, ["diff", a, b, "--wrong"]],
    [2, ["diff", a, b, "--html", folder]],
  ])("%i for %j", async (expected, argv) => {
    expect((await runLine(...argv, "--quiet")).code).toBe(expected);
  });
});

test("lists what differs, then the whole", async () => {
  const { out, error } = await runLine("diff", a, b, "--quiet");
  expect(error).toEqual([]);
  expect(out).toEqual([
    "tensor  model  equal  max |d|  mean |d|  rel. L2  cosine",
    "w           2  0.0 %    2.000     2.000    1.265  0.4472",
    "",
    `compared with 1  ${a}`,
    expect.stringMatching(/^2 {2}\S+\/b: 60\.0 % equal, max \|d\| 2\.000, /),
    "cosines between models",
    expect.stringMatching(/^ +1 +2$/),
    expect.stringMatching(/^1 +1\.000 +0\.\d{4}$/),
    expect.stringMatching(/^2 +0\.\d{4} +1\.000$/),
    "1 of 2 tensors are the same",
  ]);
});

test("with --base tells of task vectors, with --all of every tensor", async () => {
  const { out } = await runLine("diff", a, b, "--base", base, "--all", "--quiet");
  expect(out[0]).toMatch(/ redundant +conflicts$/);
  expect(out.filter((line) => line.startsWith("same "))).toHaveLength(2);
  expect(out).toContain(`base  ${base}`);
  expect(out).toContain("together: sign conflicts 20.0 %, cancelled 50.0 %");
  expect(out).toContain("cosines between task vectors");
});

test("names tensors that do not fit", async () => {
  const other = model("other", [1, 2, 3], { "more\u001b[2J": { dtype: "I8", shape: [1] } });
  const { out } = await runLine("diff", a, other, "--quiet");
  expect(out).toContain(`more\\u001b[2J: ${a}: missing, but there in ${other}`);
  expect(out).toContain(`w: ${other}: F32 [3], not F32 [2]`);
  expect(out.at(-1)).toBe("2 of 2 tensors are the same, 2 not compared");
});

test("names the base where it lacks a tensor, and needs no matrix for one model", async () => {
  const more = model("rich", [2, 1], { more: { dtype: "I8", shape: [1] } });
  const { out } = await runLine("diff", more, "--base", base, "--quiet");
  expect(out).toContain(`more: ${base}: missing, but there in ${more}`);
  expect(out.join("\n")).not.toMatch(/cosines|sign conflicts/);
  const same = await runLine("diff", base, base, "--base", base, "--quiet");
  expect(same.out).toContain("together: sign conflicts 0.0 %");
});

test("with --json tells all of it", async () => {
  const told = jsonOf(await runLine("diff", a, b, "--json"));
  expect(told).toMatchObject({ models: [a, b], base: null, same: false, mismatches: [] });
  expect(told.tensors[0]).toMatchObject({ tensor: "w", differences: [{ model: 1, maxDelta: 2 }] });
});

test("with --html writes the page", async () => {
  const file = join(folder, "page.html");
  const { code } = await runLine("diff", a, b, "--html", file, "--quiet");
  expect(code).toBe(1);
  expect(readFileSync(file, "utf8")).toMatch(/^<!doctype html>/);
});

test("a page that cannot be written is trouble, told with its path", async () => {
  const taken = join(folder, "taken");
  mkdirSync(taken);
  const { code, error } = await runLine("diff", a, a, "--html", taken, "--quiet");
  expect(code).toBe(2);
  expect(error[0]).toMatch(/^error WRITE_FAILED: .*taken/);
});
