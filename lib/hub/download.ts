/** Downloads what a merge needs of a model into the cache, each file whole or not at all. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { copyFile, open, rename } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { MergeError, printable } from "../errors.ts";
import { isCommit, modelFolder, shardsOf } from "./cache.ts";
import type { HubClient, HubFile } from "./client.ts";

/** A file that is about to be downloaded. */
export interface Download {
  model: string;
  file: string;
  /** Bytes of this file. */
  size: number;
  /** Its number among the model's files, from 1, and how many there are. */
  number: number;
  count: number;
}

export interface DownloadOptions {
  onDownload?: ((download: Download) => void) | undefined;
  signal?: AbortSignal | undefined;
}

const INDEX = "model.safetensors.index.json";
const SMALL = /^[\w][\w.-]*\.(?:json|jinja|model|txt)$/;
const WEIGHTS = /^[\w][\w.-]*\.safetensors$/;

interface Target {
  client: HubClient;
  name: string;
  commit: string;
  /** Folder of the model in the cache. */
  folder: string;
}

/** Downloads a revision's config, tokenizer and weights; returns the snapshot's folder. */
export async function downloadModel(
  client: HubClient,
  name: string,
  revision: string,
  cache: string,
  options: DownloadOptions = {},
): Promise<string> {
  const commit = await client.commitOf(name, revision);
  if (!isCommit(commit)) throw refused(name, `no commit for revision ${revision}`);
  const target = { client, name, commit, folder: modelFolder(cache, name) };
  const snapshot = join(target.folder, "snapshots", commit);
  const files = await client.list(name, commit);
  const small = files.filter(({ path }) => SMALL.test(path));
  const all = files.filter(({ path }) => WEIGHTS.test(path)).length + small.length;
  let number = 0;
  const fetchAll = async (list: readonly HubFile[], count: number) => {
    for (const file of list) {
      number++;
      if (isHeld(join(snapshot, file.path), file)) continue;
      options.onDownload?.({ model: name, file: file.path, size: file.size, number, count });
      await fetchFile(target, file, options.signal);
    }
  };
  await fetchAll(small, all);
  const weights = chooseWeights(files, snapshot);
  if (weights.length === 0) throw refused(name, "no .safetensors file");
  await fetchAll(weights, small.length + weights.length);
  if (revision !== commit) writeRef(target, revision);
  return snapshot;
}

/** The whole model, else the shards of its index, else every file of weights. */
function chooseWeights(files: readonly HubFile[], snapshot: string): HubFile[] {
  const weights = files.filter(({ path }) => WEIGHTS.test(path));
  const whole = weights.filter(({ path }) => path === "model.safetensors");
  if (whole.length > 0) return whole;
  const shards = shardsOf(join(snapshot, INDEX));
  return shards === undefined ? weights : weights.filter(({ path }) => shards.includes(path));
}

function isHeld(path: string, { size }: HubFile): boolean {
  return statSync(path, { throwIfNoEntry: false })?.size === size;
}

function refused(name: string, found: string): MergeError {
  const message = `the hub's answer about ${printable(name)} cannot be used: ${printable(found)}`;
  return new MergeError("HUB_UNAVAILABLE", message);
}

/** Writes a file's content as a blob, checks it, and links the snapshot's file to it. */
async function fetchFile(target: Target, file: HubFile, signal?: AbortSignal): Promise<void> {
  const { client, name, commit, folder } = target;
  if (!/^[0-9a-f]{40,64}$/.test(file.id)) throw refused(name, `${file.path} has no identifier`);
  const blob = join(folder, "blobs", file.id);
  const pointer = join(folder, "snapshots", commit, file.path);
  mkdirSync(dirname(blob), { recursive: true });
  mkdirSync(dirname(pointer), { recursive: true });
  if (!isHeld(blob, file)) {
    const part = `${blob}.${process.pid}.incomplete`;
    try {
      await save(await client.open(name, commit, file.path), part, file, signal);
      await rename(part, blob);
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
  }
  rmSync(pointer, { force: true });
  try {
    symlinkSync(relative(dirname(pointer), blob), pointer);
  } catch {
    await copyFile(blob, pointer);
  }
}

async function save(
  content: AsyncIterable<Uint8Array>,
  path: string,
  file: HubFile,
  signal: AbortSignal | undefined,
): Promise<void> {
  const hash = createHash(file.large ? "sha256" : "sha1");
  if (!file.large) hash.update(`blob ${file.size}\0`);
  const handle = await open(path, "w");
  let size = 0;
  try {
    for await (const chunk of content) {
      if (signal?.aborted) throw new MergeError("ABORTED", "the merge was cancelled");
      size += chunk.byteLength;
      if (size > file.size) break;
      hash.update(chunk);
      for (let at = 0; at < chunk.byteLength; ) {
        at += (await handle.write(chunk, at, chunk.byteLength - at)).bytesWritten;
      }
    }
  } finally {
    await handle.close();
  }
  const name = printable(file.path);
  if (size !== file.size) {
    throw new MergeError("HUB_UNAVAILABLE", `${name} has ${file.size} bytes, ${size} came`, {
      hint: "try again",
    });
  }
  if (hash.digest("hex") === file.id) return;
  throw new MergeError("HUB_UNAVAILABLE", `${name} came with other content than the hub lists`);
}

function writeRef({ folder, commit }: Target, revision: string): void {
  const path = join(folder, "refs", ...revision.split("/"));
  mkdirSync(dirname(path), { recursive: true });
  if (!existsSync(path) || statSync(path).isFile()) writeFileSync(path, commit);
}
