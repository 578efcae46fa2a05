import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { openModel } from "../../../lib/format/model.ts";
import { cacheFolder, isHubName, isRevision } from "../../../lib/hub/cache.ts";
import { loadClient } from "../../../lib/hub/client.ts";
import type { Download } from "../../../lib/hub/download.ts";
import { type HubSurroundings, resolveHub } from "../../../lib/hub/resolve.ts";
import { fileBytes, llama, makeLlama, refusal, useFolder } from "../../make.ts";
import { COMMIT, PACKAGE, useHub } from "./server.ts";

const folder = useFolder("hub");
const hub = useHub();
let caches = 0;
let cache = "";

beforeEach(() => {
  cache = join(folder, `cache-${caches++}`);
  hub.requests.length = 0;
  hub.tokens.clear();
  hub.cut.clear();
  hub.spoilt.clear();
  hub.files = {
    "config.json": Buffer.from("{}"),
    "tokenizer.json": Buffer.from('{"model":{"vocab":{}}}'),
    "model.safetensors": fileBytes(llama()),
    "pytorch_model.bin": Buffer.from("never"),
    "onnx/model.json": Buffer.from("never"),
    "../escape.json": Buffer.from("never"),
    "README.md": Buffer.from("never"),
  };
});

function around(more: Record<string, string> = {}): HubSurroundings {
  return {
    environment: { HF_ENDPOINT: hub.endpoint, ...more },
    loadClient: (access) => loadClient(access, async () => PACKAGE),
  };
}

/** A model in the cache, as other tools leave it there. */
function store(name: string, revision: string, commit = COMMIT): string {
  const model = join(cache, `models--${name.replace("/", "--")}`);
  const ref = join(model, "refs", revision);
  mkdirSync(join(ref, ".."), { recursive: true });
  writeFileSync(ref, `${commit}\n`);
  return makeLlama(join(model, "snapshots", commit));
}

describe("the cache's folder", () => {
  const home = join(homedir(), ".cache/huggingface/hub");
  test.each([
    ["/given", { HF_HUB_CACHE: "/a" }, "/given"],
    [undefined, { HF_HUB_CACHE: "/a", HF_HOME: "/b" }, "/a"],
    [undefined, { HUGGINGFACE_HUB_CACHE: "/a", HF_HOME: "/b" }, "/a"],
    [undefined, { HF_HOME: "/b", XDG_CACHE_HOME: "/c" }, "/b/hub"],
    [undefined, { XDG_CACHE_HOME: "/c" }, "/c/huggingface/hub"],
    [undefined, { HF_HUB_CACHE: "" }, home],
  ])("given %s and %o is %s", (given, environment, expected) => {
    expect(cacheFolder(given, environment)).toBe(expected);
  });
});

test.each([
  ["owner/name", true],
  ["name", true],
  ["meta-llama/Llama-3.1-8B", true],
  ["a/b/c", false],
  ["../b", false],
  ["a/..", false],
  ["/a", false],
  ["a--b/c", false],
  ["a/b.git", false],
  ["", false],
])("%s is a name of the hub: %s", (text, is) => expect(isHubName(text)).toBe(is));

test.each([
  ["main", true],
  ["refs/pr/2", true],
  ["v1.0", true],
  ["../x", false],
  ["a/../b", false],
  ["/a", false],
  ["a/", false],
])("%s is a revision: %s", (text, is) => expect(isRevision(text)).toBe(is));

describe("a model in the cache", () => {
  test.each([
    ["main", undefined],
    ["v1", "v1"],
    ["refs/pr/2", "refs/pr/2"],
    ["main", COMMIT],
    ["main", COMMIT.slice(0, 8)],
  ])("stored as %s is found by %s, without asking the hub", async (stored, revision) => {
    const snapshot = store("owner/name", stored);
    expect(await resolveHub("owner/name", revision, { cacheDir: cache }, around())).toBe(snapshot);
    expect(hub.requests).toEqual([]);
  });

  test("is found by a bare name", async () => {
    const snapshot = store("name", "main");
    const environment = { HF_HUB_CACHE: cache, HF_HUB_OFFLINE: "1" };
    expect(await resolveHub("name", undefined, {}, around(environment))).toBe(snapshot);
  });

  test.each([
    ["offline", { offline: true }, {}],
    ["HF_HUB_OFFLINE", {}, { HF_HUB_OFFLINE: "1" }],
  ])("that is not there is an error with %s", async (_, options, environment) => {
    store("owner/name", "main");
    const all = { cacheDir: cache, ...options };
    const ask = () => resolveHub("owner/name", "other", all, around(environment));
    const error = await refusal(ask);
    expect(error.code).toBe("NOT_IN_CACHE");
    expect(error.message).toContain(`owner/name@other is no local path`);
    expect(hub.requests).toEqual([]);
  });

  test("that is not whole is an error offline", async () => {
    const snapshot = store("owner/name", "main");
    const index = join(snapshot, "model.safetensors.index.json");
    writeFileSync(index, JSON.stringify({ weight_map: { w: "model-1.safetensors" } }));
    expect(await resolveHub("owner/name", undefined, { cacheDir: cache, offline: true })).toBe(
      snapshot,
    );
    const { rmSync } = await import("node:fs");
    rmSync(join(snapshot, "model.safetensors"));
    const ask = () => resolveHub("owner/name", undefined, { cacheDir: cache, offline: true });
    expect((await refusal(ask)).message).toContain("is not whole in the cache");
  });
});

describe("a model on the hub", () => {
  test("is downloaded into the cache, with what a merge needs and no more", async () => {
    const downloads: Download[] = [];
    const onDownload = (each: Download) => downloads.push(each);
    const options = { cacheDir: cache, onDownload, token: "secret" };
    const snapshot = await resolveHub("owner/name", undefined, options, around());
    const model = join(cache, "models--owner--name");
    expect(snapshot).toBe(join(model, "snapshots", COMMIT));
    const names = ["config.json", "model.safetensors", "tokenizer.json"];
    expect(readdirSync(snapshot).sort()).toEqual(names);
    expect(downloads.map(({ file, number, count }) => `${file} ${number}/${count}`)).toEqual([
      "config.json 1/3",
      "tokenizer.json 2/3",
      "model.safetensors 3/3",
    ]);
    expect(openModel(snapshot).tensors.size).toBe(9);
    expect(lstatSync(join(snapshot, "config.json")).isSymbolicLink()).toBe(true);
    expect(readdirSync(join(model, "blobs"))).toHaveLength(3);
    expect(readFileSync(join(model, "refs/main"), "utf8")).toBe(COMMIT);
    expect(hub.tokens).toEqual(new Set(["Bearer secret"]));
    const asked = hub.requests.length;
    expect(await resolveHub("owner/name", undefined, options, around())).toBe(snapshot);
    expect(hub.requests).toHaveLength(asked);
  });

  test("has the shards that its index names, and no other weights", async () => {
    const part = fileBytes({ w: { dtype: "F32", shape: [2] } });
    const index = { weight_map: { w: "model-00001-of-00001.safetensors" } };
    hub.files = {
      "config.json": Buffer.from("{}"),
      "model.safetensors.index.json": Buffer.from(JSON.stringify(index)),
      "model-00001-of-00001.safetensors": part,
      "consolidated.safetensors": part,
    };
    const snapshot = await resolveHub("owner/name", "refs/pr/2", { cacheDir: cache }, around());
    expect(readdirSync(snapshot)).not.toContain("consolidated.safetensors");
    expect(openModel(snapshot).tensors.size).toBe(1);
    expect(existsSync(join(cache, "models--owner--name/refs/refs/pr/2"))).toBe(true);
  });

  test("goes on where a download was interrupted", async () => {
    hub.cut.add("model.safetensors");
    const ask = () => resolveHub("owner/name", undefined, { cacheDir: cache }, around());
    const error = await refusal(ask);
    expect(error.code).toBe("HUB_UNAVAILABLE");
    expect(error.message).toMatch(/^model\.safetensors has \d+ bytes, \d+ came$/);
    const blobs = readdirSync(join(cache, "models--owner--name/blobs"));
    expect(blobs.filter((name) => name.includes("incomplete"))).toEqual([]);
    hub.cut.clear();
    hub.requests.length = 0;
    await ask();
    expect(hub.requests.filter((path) => path.includes("resolve"))).toHaveLength(1);
  });

  test.each(["model.safetensors", "tokenizer.json"])("must not come changed: %s", async (name) => {
    hub.spoilt.add(name);
    const ask = () => resolveHub("owner/name", undefined, { cacheDir: cache }, around());
    expect((await refusal(ask)).message).toContain(`${name} came with other content`);
  });

  test("that does not exist is told with the address asked", async () => {
    const ask = () => resolveHub("owner/other", undefined, { cacheDir: cache }, around());
    const error = await refusal(ask);
    expect(error.code).toBe("HUB_UNAVAILABLE");
    expect(error.message).toContain(`owner/other@main is no local path, and ${hub.endpoint}`);
    expect(error.hint).toBe("check the name and the revision");
  });

  test.each<[unknown, string, string]>([
    [Object.assign(new Error("no"), { statusCode: 401 }), "no", "HF_TOKEN"],
    [Object.assign(new Error("no"), { statusCode: 403 }), "no", "accept its terms"],
    [Object.assign(new Error("no"), { statusCode: 500 }), "no", "check the network"],
    [
      new Error("failed", { cause: new Error("no route") }),
      "failed: no route",
      "check the network",
    ],
    [new Error("failed", { cause: {} }), "failed", "check the network"],
    ["a text", "a text", "check the network"],
  ])("that fails with %s is told with its reason", async (thrown, reason, hint) => {
    const surroundings = {
      environment: { HF_ENDPOINT: "https://example.org/" },
      loadClient: async () => ({
        commitOf: () => Promise.reject(thrown),
        list: async () => [],
        open: () => Promise.reject(thrown),
      }),
    };
    const ask = () => resolveHub("owner/name", undefined, { cacheDir: cache }, surroundings);
    const error = await refusal(ask);
    expect(error.code).toBe("HUB_UNAVAILABLE");
    const asked = "owner/name@main is no local path, and https://example.org";
    expect(error.message).toBe(`${asked} did not deliver it: ${reason}`);
    expect(error.hint).toContain(hint);
  });

  test("without the package is told how to get it", async () => {
    const missing = () => Promise.reject(new Error("Cannot find package"));
    const surroundings = {
      environment: {},
      loadClient: () => loadClient({ endpoint: "" }, missing),
    };
    const ask = () => resolveHub("owner/name", undefined, { cacheDir: cache }, surroundings);
    const error = await refusal(ask);
    expect(error.code).toBe("HUB_UNAVAILABLE");
    expect(error.hint).toContain("npm install @huggingface/hub");
  });

  test("is not downloaded any more once aborted", async () => {
    const signal = AbortSignal.abort();
    const ask = () => resolveHub("owner/name", undefined, { cacheDir: cache, signal }, around());
    expect((await refusal(ask)).code).toBe("ABORTED");
  });
});
