import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { RECIPE_LIMITS } from "../../../lib/config/document.ts";
import { readRecipeFile } from "../../../lib/config/read.ts";
import { refusal, useFolder } from "../../make.ts";

/** Files seem to have a few bytes when they are opened, and have grown when they are read. */
vi.mock("node:fs/promises", async (load) => {
  const real = await load<typeof import("node:fs/promises")>();
  const open: typeof real.open = async (...args) => {
    const handle = await real.open(...args);
    const stat = async () => ({ isFile: () => true, size: 2 });
    return Object.assign(handle, { stat }) as never;
  };
  return { ...real, open };
});

const folder = useFolder("growing");

test("a file that grows is read to its end", async () => {
  const path = join(folder, "grown.yml");
  const text = `a: 1\n${"# more\n".repeat(50)}b: 2\n`;
  writeFileSync(path, text);
  expect((await readRecipeFile(path)).text).toBe(text);
});

test("a file that grows beyond what is allowed is refused", async () => {
  const path = join(folder, "endless.yml");
  writeFileSync(path, "#".repeat(RECIPE_LIMITS.bytes + 1));
  expect((await refusal(() => readRecipeFile(path))).code).toBe("RECIPE_TOO_LARGE");
});
