/** The Hugging Face cache: `models--owner--name/refs/<revision>` and `…/snapshots/<commit>/`. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Folder of the cache: as given, else where the environment says, else under the home folder. */
export function cacheFolder(given: string | undefined, environment: Environment): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = environment;
  const direct = given || HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE;
  if (direct) return direct;
  if (HF_HOME) return join(HF_HOME, "hub");
  return join(XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface", "hub");
}

/** Folder of one model in a cache. */
export function modelFolder(cache: string, name: string): string {
  return join(cache, `models--${name.replace("/", "--")}`);
}

/** `owner/name`, or a bare `name`, as the hub spells them; neither leads out of a folder. */
export function isHubName(text: string): boolean {
  const word = "[A-Za-z0-9](?:[\\w.-]{0,94}\\w)?";
  return new RegExp(`^(?:${word}/)?${word}$`).test(text) && !/--|\.\.|\.git$/.test(text);
}

/** A branch, a tag or a commit; no text that would lead out of a folder. */
export function isRevision(text: string): boolean {
  return /^[\w][\w.+/-]{0,250}$/.test(text) && !/\.\.|\/\/|\/$/.test(text);
}

export function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

/** Commit that a revision stands for in the cache, when it is known there. */
export function cachedCommit(folder: string, revision: string): string | undefined {
  const ref = join(folder, "refs", ...revision.split("/"));
  if (existsSync(ref) && statSync(ref).isFile()) {
    const commit = readFileSync(ref).toString().trim();
    if (isCommit(commit)) return commit;
  }
  const snapshots = join(folder, "snapshots");
  if (isCommit(revision)) return existsSync(join(snapshots, revision)) ? revision : undefined;
  if (!/^[0-9a-f]{7,39}$/.test(revision) || !existsSync(snapshots)) return undefined;
  const known = readdirSync(snapshots).filter((name) => name.startsWith(revision));
  return known.length === 1 && isCommit(known[0]) ? known[0] : undefined;
}

/** Names of the shards that an index of weights lists; undefined when it cannot be read. */
export function shardsOf(index: string): string[] | undefined {
  try {
    const map: unknown = JSON.parse(readFileSync(index).toString()).weight_map;
    if (typeof map !== "object" || map === null) return undefined;
    return [...new Set(Object.values(map).map(String))];
  } catch {
    return undefined;
  }
}

/** Whether a snapshot holds all weights; an interrupted download leaves one that does not. */
export function isComplete(snapshot: string): boolean {
  if (!existsSync(snapshot)) return false;
  if (existsSync(join(snapshot, "model.safetensors"))) return true;
  const shards = shardsOf(join(snapshot, "model.safetensors.index.json"));
  if (shards !== undefined) return shards.every((name) => existsSync(join(snapshot, name)));
  return readdirSync(snapshot).some((name) => name.endsWith(".safetensors"));
}
