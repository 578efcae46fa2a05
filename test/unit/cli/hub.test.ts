import { expect, test } from "vitest";
import { hubOptions } from "../../../lib/cli/hub.ts";

const download = {
  model: "lab/expert",
  file: "model.safetensors",
  size: 2_000_000,
  number: 2,
  count: 3,
};

function optionsFor(values: Record<string, string | boolean>, quiet: boolean) {
  const lines: string[] = [];
  const streams = { out: () => {}, error: (line: string) => lines.push(line) };
  return { options: hubOptions(values, streams, quiet), lines };
}

test("downloads are told line by line", () => {
  const { options, lines } = optionsFor({}, false);
  options.onDownload?.(download);
  expect(lines).toEqual(["downloading lab/expert model.safetensors, 2.00 MB (2 of 3)"]);
});

test("unless that is not wanted", () => {
  expect(optionsFor({}, true).options).toEqual({});
});

test("the cache and its use are as asked for", () => {
  const { options } = optionsFor({ offline: true, "transformers-cache": "cache" }, true);
  expect(options).toEqual({ offline: true, cacheDir: "cache" });
});
