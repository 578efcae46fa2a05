import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { cachedCommit, isComplete, shardsOf } from "../../../lib/hub/cache.ts";
import { resolveHub } from "../../../lib/hub/resolve.ts";
import { refusal, useFolder } from "../../make.ts";

const root = useFolder("hub-cache");
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
let count = 0;

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = join(root, String(count++));
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

test("a commit is found by reference, in full, or by a beginning that is its own", () => {
  const other = `0123456f${COMMIT.slice(8)}`;
  const folder = folderWith({
    "refs/main": `${COMMIT}\n`,
    "refs/broken": "no commit",
    [`snapshots/${COMMIT}/a`]: "",
    [`snapshots/${other}/a`]: "",
  });
  expect(cachedCommit(folder, "main")).toBe(COMMIT);
  expect(cachedCommit(folder, COMMIT)).toBe(COMMIT);
  expect(cachedCommit(folder, COMMIT.slice(0, 8))).toBe(COMMIT);
  expect(cachedCommit(folder, COMMIT.slice(0, 7))).toBeUndefined();
  expect(cachedCommit(folder, COMMIT.replace("0", "f"))).toBeUndefined();
  expect(cachedCommit(folder, "broken")).toBeUndefined();
  expect(cachedCommit(folder, "gone")).toBeUndefined();
});

test("a snapshot is whole with all weights that it should have", () => {
  const index = JSON.stringify({ weight_map: { x: "1.safetensors", y: "2.safetensors" } });
  const NAME = "model.safetensors.index.json";
  expect(isComplete(join(root, "nowhere"))).toBe(false);
  expect(isComplete(folderWith({ "config.json": "{}" }))).toBe(false);
  expect(isComplete(folderWith({ "model.safetensors": "" }))).toBe(true);
  expect(isComplete(folderWith({ [NAME]: index, "1.safetensors": "" }))).toBe(false);
  const both = { "1.safetensors": "", "2.safetensors": "" };
  expect(isComplete(folderWith({ [NAME]: index, ...both }))).toBe(true);
  expect(isComplete(folderWith({ [NAME]: "{", "other.safetensors": "" }))).toBe(true);
});

test("an index that cannot be used lists nothing", () => {
  for (const text of ["{", "null", "{}", '{"weight_map":null}', '{"weight_map":7}']) {
    expect(shardsOf(join(folderWith({ index: text }), "index"))).toBeUndefined();
  }
});

test.each([
  ["owner/name/more", undefined],
  ["owner/name", "../escape"],
])("%s at %s is refused before anything is looked at", async (name, revision) => {
  const { code } = await refusal(() => resolveHub(name, revision, { offline: true }));
  expect(code).toBe("MODEL_NOT_FOUND");
});
