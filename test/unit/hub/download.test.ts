import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { HubClient } from "../../../lib/hub/client.ts";
import { downloadModel } from "../../../lib/hub/download.ts";
import { refusal, useFolder } from "../../make.ts";

const linked = vi.hoisted(() => ({ refused: false }));
vi.mock("node:fs", async (load) => {
  const real = await load<typeof import("node:fs")>();
  const symlinkSync: typeof real.symlinkSync = (...args) => {
    if (linked.refused) throw Object.assign(new Error("no links here"), { code: "EPERM" });
    real.symlinkSync(...args);
  };
  return { ...real, symlinkSync };
});

const folder = useFolder("download");
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
let caches = 0;
let cache = "";

beforeEach(() => {
  cache = join(folder, `cache-${caches++}`);
  linked.refused = false;
});

function idOf(text: string): string {
  return createHash("sha1").update(`blob ${text.length}\0${text}`).digest("hex");
}

/** A hub that has these files, at one commit. */
function hubOf(
  files: Readonly<Record<string, string>>,
  { commit = COMMIT, id = idOf }: { commit?: string; id?: (text: string) => string } = {},
): HubClient & { opened: string[] } {
  const opened: string[] = [];
  return {
    opened,
    commitOf: async () => commit,
    list: async () => {
      return Object.entries(files).map(([path, text]) => {
        return { path, size: text.length, id: id(text), large: false };
      });
    },
    async open(_name, _commit, path) {
      opened.push(path);
      return (async function* () {
        yield Buffer.from(files[path]);
      })();
    },
  };
}

describe("an answer of the hub that cannot be used is refused:", () => {
  test.each<[string, HubClient, string]>([
    ["no commit", hubOf({}, { commit: "main" }), "no commit for revision v1"],
    ["no weights", hubOf({ "config.json": "{}" }), "no .safetensors file"],
    [
      "no identifier",
      hubOf({ "config.json": "{}" }, { id: () => "../../x" }),
      "config.json has no identifier",
    ],
  ])("%s", async (_, client, found) => {
    const error = await refusal(() => downloadModel(client, "owner/name", "v1", cache));
    expect(error.code).toBe("HUB_UNAVAILABLE");
    expect(error.message).toBe(`the hub's answer about owner/name cannot be used: ${found}`);
  });
});

test("a file that goes on after its end is cut off, and refused", async () => {
  const client = hubOf({ "model.safetensors": "1234" });
  const endless = async () => {
    return (async function* () {
      for (;;) yield Buffer.from("12345");
    })();
  };
  const error = await refusal(() => {
    return downloadModel({ ...client, open: endless }, "owner/name", COMMIT, cache);
  });
  expect(error.message).toBe("model.safetensors has 4 bytes, 5 came");
  expect(error.hint).toBe("try again");
});

test("without an index all files of weights are taken", async () => {
  const client = hubOf({ "a.safetensors": "1", "b.safetensors": "2", "README.md": "3" });
  const snapshot = await downloadModel(client, "owner/name", COMMIT, cache);
  expect(readdirSync(snapshot)).toEqual(["a.safetensors", "b.safetensors"]);
  expect(existsSync(join(cache, "models--owner--name/refs"))).toBe(false);
});

test("content that another file or revision has brought is not downloaded again", async () => {
  const client = hubOf({ "a.safetensors": "same", "b.safetensors": "same" });
  const snapshot = await downloadModel(client, "owner/name", COMMIT, cache);
  expect(client.opened).toEqual(["a.safetensors"]);
  expect(readFileSync(join(snapshot, "b.safetensors"), "utf8")).toBe("same");
});

test("files are copied where links are not allowed", async () => {
  linked.refused = true;
  const client = hubOf({ "model.safetensors": "1234" });
  const snapshot = await downloadModel(client, "owner/name", COMMIT, cache);
  const path = join(snapshot, "model.safetensors");
  expect(lstatSync(path).isFile()).toBe(true);
  expect(readFileSync(path, "utf8")).toBe("1234");
});

test("a reference moves with the hub, and a folder in its place stays", async () => {
  const client = hubOf({ "model.safetensors": "1234" });
  const refs = join(cache, "models--owner--name/refs");
  mkdirSync(join(refs, "v1"), { recursive: true });
  writeFileSync(join(refs, "main"), "f".repeat(40));
  await downloadModel(client, "owner/name", "main", cache);
  expect(readFileSync(join(refs, "main"), "utf8")).toBe(COMMIT);
  await downloadModel(client, "owner/name", "v1", cache);
  expect(lstatSync(join(refs, "v1")).isDirectory()).toBe(true);
});
