import { expect, test, vi } from "vitest";
import { useFolder } from "../../make.ts";

const folder = useFolder("addon");

test("without a binary the reason names the machine", async () => {
  vi.resetModules();
  vi.doMock("../../../lib/version.ts", () => ({ version: "0.0.1" }));
  vi.doMock("../../../lib/root.ts", () => ({ packageRoot: () => folder }));
  const { loadAddon } = await import("../../../lib/run/addon.ts");
  const { addon, reason } = loadAddon();
  vi.doUnmock("../../../lib/version.ts");
  vi.doUnmock("../../../lib/root.ts");
  expect(addon).toBeUndefined();
  expect(reason).toMatch(
    new RegExp(`^no native binary for ${process.platform}-${process.arch}: .`),
  );
});

test("a binary of another version is not taken", async () => {
  const { version } = await import("../../../lib/version.ts");
  vi.resetModules();
  vi.doMock("../../../lib/version.ts", () => ({ version: "0.0.1" }));
  vi.doMock("node:module", () => ({ createRequire: () => () => () => ({ version }) }));
  const { loadAddon } = await import("../../../lib/run/addon.ts");
  const { addon, reason } = loadAddon();
  vi.doUnmock("../../../lib/version.ts");
  vi.doUnmock("node:module");
  expect(addon).toBeUndefined();
  expect(reason).toBe(`the binary found is of version ${version}, not 0.0.1`);
});
