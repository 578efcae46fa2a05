import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../lib/root.ts";

test("the package is where its package.json is", () => {
  expect(existsSync(join(packageRoot(), "package.json"))).toBe(true);
  expect(packageRoot(join(packageRoot(), "lib/run"))).toBe(packageRoot());
});

test("code that was taken out of its package is where it is", () => {
  expect(packageRoot("/nowhere/at/all")).toBe("/nowhere/at/all");
});
