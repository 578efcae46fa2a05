import { join } from "node:path";
import { MergeError, printable } from "../errors.ts";
import {
  cachedCommit,
  cacheFolder,
  type Environment,
  isComplete,
  isHubName,
  isRevision,
  modelFolder,
} from "./cache.ts";
import { type HubAccess, type HubClient, loadClient } from "./client.ts";
import { type DownloadOptions, downloadModel } from "./download.ts";

export interface HubOptions extends DownloadOptions {
  /** Take models from the cache only; also by HF_HUB_OFFLINE=1. */
  offline?: boolean | undefined;
  /** Folder of the Hugging Face cache; by default where the environment says. */
  cacheDir?: string | undefined;
  /** Access token for the hub; by default HF_TOKEN. */
  token?: string | undefined;
}

/** What surrounds a look-up; replaced in tests. */
export interface HubSurroundings {
  environment: Environment;
  loadClient: (access: HubAccess) => Promise<HubClient>;
}

const SURROUNDINGS: HubSurroundings = { environment: process.env, loadClient };

function isOffline({ offline }: HubOptions, { HF_HUB_OFFLINE }: Environment): boolean {
  return offline ?? /^(?:1|true|yes|on)$/i.test(HF_HUB_OFFLINE ?? "");
}

/**
 * Folder of a model of the hub: from the cache, or else downloaded into it. `name` is
 * `owner/name`; a bare name is only looked for in the cache.
 * @throws MergeError NOT_IN_CACHE when downloading is not allowed, HUB_UNAVAILABLE when it fails
 */
export async function resolveHub(
  name: string,
  revision: string | undefined,
  options: HubOptions = {},
  surroundings: HubSurroundings = SURROUNDINGS,
): Promise<string> {
  const { environment } = surroundings;
  const wanted = revision ?? "main";
  if (!isHubName(name) || !isRevision(wanted)) {
    const shown = printable(`${name}@${wanted}`);
    throw new MergeError("MODEL_NOT_FOUND", `${shown} is no name that the hub could have`);
  }
  const cache = cacheFolder(options.cacheDir, environment);
  const folder = modelFolder(cache, name);
  const commit = cachedCommit(folder, wanted);
  const snapshot = commit === undefined ? undefined : join(folder, "snapshots", commit);
  if (snapshot !== undefined && isComplete(snapshot)) return snapshot;
  if (isOffline(options, environment) || !name.includes("/")) {
    throw notInCache(name, wanted, cache, snapshot !== undefined);
  }
  return download(name, wanted, cache, options, surroundings);
}

function notInCache(name: string, revision: string, cache: string, partly: boolean): MergeError {
  const what = printable(`${name}@${revision}`);
  const state = partly ? "is not whole" : "is not";
  const message = `${what} is no local path, and ${state} in the cache at ${printable(cache)}`;
  const hint = name.includes("/")
    ? `allow downloading, or \`hf download ${name}\` first`
    : "the hub's names have the form owner/name";
  return new MergeError("NOT_IN_CACHE", message, { hint });
}

async function download(
  name: string,
  revision: string,
  cache: string,
  options: HubOptions,
  { environment, loadClient: load }: HubSurroundings,
): Promise<string> {
  const endpoint = (environment.HF_ENDPOINT || "https://huggingface.co").replace(/\/+$/, "");
  const client = await load({
    endpoint,
    token: options.token || environment.HF_TOKEN || undefined,
  });
  try {
    return await downloadModel(client, name, revision, cache, options);
  } catch (error) {
    if (error instanceof MergeError) throw error;
    throw unavailable(`${name}@${revision}`, endpoint, error);
  }
}

function unavailable(what: string, endpoint: string, cause: unknown): MergeError {
  const {
    message,
    statusCode,
    cause: inner,
  } = cause as {
    message?: string;
    statusCode?: number;
    cause?: { message?: string };
  };
  const reason = printable(`${message ?? cause}${inner?.message ? `: ${inner.message}` : ""}`);
  const text = `${printable(what)} is no local path, and ${endpoint} did not deliver it: ${reason}`;
  const hints: Readonly<Record<number, string>> = {
    401: "check the name; a private or gated model needs an access token in HF_TOKEN",
    403: "the model may be gated: accept its terms on the hub, and set HF_TOKEN",
    404: "check the name and the revision",
  };
  const hint = hints[statusCode as number] ?? "check the network, or download the model beforehand";
  return new MergeError("HUB_UNAVAILABLE", text, { hint, cause });
}
