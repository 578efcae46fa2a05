import { expect, test } from "vitest";
import { type HubPackage, loadClient } from "../../../lib/hub/client.ts";
import { refusal } from "../../make.ts";

const NOTHING: HubPackage = {
  modelInfo: async () => ({}),
  async *listFiles() {
    yield { type: "file", path: "a.json", size: 3 };
    yield { type: "file", path: "b.safetensors", size: 4, oid: "x", lfs: { oid: "y", size: 400 } };
    yield { type: "directory", path: "onnx", size: 0 };
  },
  downloadFile: async () => null,
};

test("the package is looked for when none is given", async () => {
  const error = await refusal(() => loadClient({ endpoint: "https://example.org" }));
  expect(error.code).toBe("HUB_UNAVAILABLE");
  expect(error.hint).toContain("npm install @huggingface/hub");
});

test("what the hub leaves out is empty: the commit, a file's identifier", async () => {
  const client = await loadClient({ endpoint: "" }, async () => NOTHING);
  expect(await client.commitOf("owner/name", "main")).toBe("");
  expect(await client.list("owner/name", "c")).toEqual([
    { path: "a.json", size: 3, id: "", large: false },
    { path: "b.safetensors", size: 400, id: "y", large: true },
  ]);
});

test("a file that is not there is an error", async () => {
  const client = await loadClient({ endpoint: "" }, async () => NOTHING);
  await expect(client.open("owner/name", "c", "a.json")).rejects.toThrow(
    "owner/name has no file a.json",
  );
});
