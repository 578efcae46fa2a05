/** What is done on Windows only, done on any system; scripts/win32-test.sh runs it where it belongs. */
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { watched } from "../../../lib/cli/running.ts";
import { merge } from "../../../lib/merge.ts";
import { RETRIES } from "../../../lib/run/patience.ts";
import { makeLlama, useFolder } from "../../make.ts";

const { before } = vi.hoisted(() => {
  const before = process.platform;
  process.env.TEMP ??= process.env.TMPDIR ?? "/tmp";
  Object.defineProperty(process, "platform", { value: "win32" });
  return { before };
});
afterAll(() => Object.defineProperty(process, "platform", { value: before }));

const folder = useFolder("windows");

test("an empty folder is removed before another takes its place, and no folder is synced", async () => {
  const out = join(folder, "out");
  mkdirSync(out);
  const models = [{ model: makeLlama(join(folder, "a")) }];
  await merge({ merge_method: "passthrough", models }, { out, sync: true });
  expect(readdirSync(out)).toContain("model.safetensors");
  const second = join(folder, "deep/er");
  await merge({ merge_method: "passthrough", models }, { out: second, sync: true });
  expect(readdirSync(second)).toContain("model.safetensors");
});

test("what is in the way is waited for", () => expect(RETRIES).toBe(8));

test("Ctrl+Break cancels a command", async () => {
  const streams = { out: () => {}, error: () => {} };
  const aborted = await watched({ quiet: true }, streams, async ({ signal }) => {
    process.emit("SIGBREAK", "SIGBREAK");
    return signal.aborted;
  });
  expect(aborted).toBe(true);
  expect(process.listenerCount("SIGBREAK")).toBe(0);
});
