import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { BenchRecord } from "../../bench/record.ts";

const folder = mkdtempSync(join(tmpdir(), "weightloom-bench-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const METHODS = ["linear", "ties", "passthrough"];

test("every suite of the bench runs, checks its answers, and reports", () => {
  const json = join(folder, "results.json");
  const methods = METHODS.flatMap((name) => ["--method", name]);
  const args = ["build-bench/harness.js", "--quick", ...methods, "--folder", folder];
  const { status, stderr } = spawnSync(process.execPath, [...args, "--json", json], {
    encoding: "utf8",
    env: { ...process.env, MERGEKIT_PYTHON: undefined },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const { results } = JSON.parse(readFileSync(json, "utf8")) as BenchRecord;
  const suites = new Set(results.map(({ suite }) => suite));
  expect([...suites]).toEqual(["kernels", "merges", "reference", "scaling", "limits"]);
  for (const { values } of results)
    for (const value of values) expect(value).toSatisfy(Number.isFinite);
});
