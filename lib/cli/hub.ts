/** Options about models of the hub, for every command that takes their names. */
import { printable } from "../errors.ts";
import type { Download } from "../hub/download.ts";
import type { HubModelOptions } from "../hub/options.ts";
import { formatBytes } from "../plan/explain.ts";
import type { Parsed } from "./options.ts";
import type { Streams } from "./run.ts";

export const HUB_OPTIONS = {
  offline: { type: "boolean" },
  "transformers-cache": { type: "string" },
} as const;

function lineFor({ model, file, size, number, count }: Download): string {
  const what = `${printable(model)} ${printable(file)}`;
  return `downloading ${what}, ${formatBytes(size)} (${number} of ${count})`;
}

/** Options for the API; downloads are told line by line unless `quiet`. */
export function hubOptions(
  values: Parsed["values"],
  streams: Streams,
  quiet: boolean,
): Pick<HubModelOptions, "offline" | "cacheDir" | "onDownload"> {
  const cache = values["transformers-cache"];
  return {
    ...(typeof values.offline === "boolean" ? { offline: values.offline } : {}),
    ...(typeof cache === "string" ? { cacheDir: cache } : {}),
    ...(quiet ? {} : { onDownload: (each: Download) => streams.error(lineFor(each)) }),
  };
}
