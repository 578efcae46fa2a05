/**
 * Whole or absent: everything is written to a stage beside the target, synced, and renamed onto it.
 * The stage's name carries the plan's hash; a lock file in it names the process that writes. An error
 * removes it; when the process dies it stays, with the shards that are whole, for the next to go on.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import type { AssetFile } from "../assets/index.ts";
import { type ErrorCode, MergeError, printable } from "../errors.ts";
import { readRegularFile } from "../format/file.ts";
import type { Plan } from "../plan/types.ts";
import { loadAddon } from "./addon.ts";
import { asidePath, outputBusy, privatePath, removeLeftovers, stagePath } from "./leftovers.ts";
import { claim, LOCK } from "./lock.ts";
import { patiently, RETRIES } from "./patience.ts";
import { exchange } from "./replace.ts";

/** Records of whole shards, which are not published, have names that begin with this. */
const RECORD = "weightloom.shard-";

export function recordName(shard: number): string {
  return `${RECORD}${String(shard + 1).padStart(5, "0")}.json`;
}

function systemError(error: unknown, path: string): MergeError {
  if (error instanceof MergeError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const full = code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
  const kind: ErrorCode = full ? "NO_SPACE" : "WRITE_FAILED";
  return new MergeError(kind, `${printable(path)}: ${message}`, {
    cause: error,
    hint: full ? "free some space, or choose another output path" : undefined,
  });
}

/** The nearest part of a path that exists, with links resolved, and the rest of it. */
export function realPath(path: string): string {
  let at = resolve(path);
  const rest: string[] = [];
  while (!existsSync(at) && dirname(at) !== at) {
    rest.unshift(basename(at));
    at = dirname(at);
  }
  // The system's own knows how names are written where "A" and "a" are the same.
  return join(realpathSync.native(at), ...rest);
}

function isInside(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
}

/**
 * Refuses an output path that exists (unless it may be overwritten, or is an empty folder), or that
 * would overwrite or lie among the inputs.
 */
export function checkOutput(out: string, plan: Plan, overwrite: boolean): void {
  const target = realPath(out);
  // A file's folder counts, and where the file is a link, the folder that it leads to as well.
  const folders = plan.sources.flatMap(({ path }) => [dirname(path), dirname(realPath(path))]);
  for (const folder of new Set([...folders, plan.assets.donor].map(realPath))) {
    if (!isInside(folder, target) && !isInside(target, folder)) continue;
    const message = `the output ${printable(out)} and the input ${printable(folder)} overlap`;
    throw new MergeError("OUTPUT_IS_INPUT", message, { hint: "choose another output path" });
  }
  if (!isTaken(out)) return;
  const folder = existsSync(out) && statSync(out).isDirectory();
  if (folder && (overwrite || readdirSync(out).length === 0)) return;
  throw outputExists(out, folder);
}

/** Removes the old folder; where it cannot be, the next merge removes it. */
function forget(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: RETRIES });
  } catch {
    // The model is published: that the old one is still there is no reason to say it failed.
  }
}

/** Whether something is there, be it a link that leads nowhere. */
function isTaken(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

function outputExists(out: string, folder: boolean): MergeError {
  return new MergeError("OUTPUT_EXISTS", `${printable(out)} already exists`, {
    hint: folder
      ? "allow it by overwrite (--overwrite), or choose another path"
      : "it is not a folder",
  });
}

/** Puts a folder where there is none, or an empty one, which Windows does not replace by itself. */
function moveInto(folder: string, target: string): void {
  if (process.platform === "win32" && existsSync(target)) rmdirSync(target);
  patiently(() => renameSync(folder, target));
}

/** Removes empty folders from `path` up to `top`. */
function removeEmpty(path: string, top: string): void {
  try {
    for (let at = path; isInside(at, top); at = dirname(at)) rmdirSync(at);
  } catch {
    // Something else has come to lie in it, and keeps it.
  }
}

function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The folder beside the target in which the output comes into being. */
export class Stage {
  readonly path: string;
  /** What was found beside the target and removed, for the user. */
  readonly notes: readonly string[];
  /** Whether the stage is the one of a merge that was interrupted. */
  readonly interrupted: boolean;
  readonly #out: string;
  readonly #sync: boolean;
  /** The uppermost folder that had to be made for the target. */
  #made: string | undefined;

  /** Makes the stage, or takes it over. @throws MergeError OUTPUT_BUSY when a process is at it */
  constructor(out: string, plan: Plan, sync: boolean) {
    this.#out = realPath(out);
    this.#sync = sync;
    this.path = stagePath(this.#out, plan.hash);
    [this.interrupted, this.notes] = this.#guard(() => {
      this.#made = mkdirSync(dirname(this.#out), { recursive: true });
      const notes = removeLeftovers(this.#out, this.path);
      const claimed = claim(this.path);
      if (claimed === "busy") throw outputBusy(this.#out, this.path);
      return [claimed === "before", notes];
    });
  }

  /** What is written down of a shard; undefined when there is nothing, or nothing to be read. */
  readRecord(shard: number): string | undefined {
    try {
      return readFileSync(join(this.path, recordName(shard)), "utf8");
    } catch {
      return undefined;
    }
  }

  /** Removes what an interrupted merge left in the stage, but the named files. */
  clear(keep: ReadonlySet<string>): void {
    this.#guard(() => {
      for (const name of readdirSync(this.path)) {
        if (keep.has(name) || name.startsWith(LOCK)) continue;
        rmSync(join(this.path, name), { recursive: true, force: true });
      }
    });
  }

  /** Creates the shards but those that are there: header in place, blocks reserved. */
  createShards(plan: Plan, there: ReadonlySet<number>): string[] {
    return plan.shards.map(({ name, size, header }, i) => {
      const path = join(this.path, name);
      if (there.has(i)) return path;
      this.#guard(() => {
        this.#write(path, Buffer.from(header, "base64"), false);
        reserve(path, size);
      });
      return path;
    });
  }

  /** Writes down that a shard is whole: with all of the text, or not at all. */
  writeRecord(shard: number, text: string): void {
    const path = join(this.path, recordName(shard));
    this.#guard(() => {
      this.#write(`${path}~`, Buffer.from(text), this.#sync);
      patiently(() => renameSync(`${path}~`, path));
    });
  }

  writeAssets(files: readonly AssetFile[]): void {
    for (const { name, bytes } of files) {
      const content = bytes instanceof Uint8Array ? bytes : readRegularFile(bytes.copyFrom);
      this.#guard(() => this.#write(join(this.path, name), content, this.#sync));
    }
  }

  /** Syncs the stage and puts it at the target; on an error the target holds what it held. */
  publish(overwrite: boolean): void {
    this.#guard(() => {
      const replaces = existsSync(this.#out) && readdirSync(this.#out).length > 0;
      if (replaces && !overwrite) throw outputExists(this.#out, true);
      // From here on nobody else may take the stage over.
      const ready = privatePath(this.path);
      patiently(() => renameSync(this.path, ready));
      try {
        this.#strip(ready);
        if (this.#sync) syncFolder(ready);
        this.#replace(ready, replaces);
      } catch (error) {
        removeAfter(error, ready);
      }
    });
  }

  /**
   * Removes the stage. With `patience`, waits no longer than so many milliseconds for a large one;
   * the rest is removed in the background.
   */
  async discard(patience?: number): Promise<void> {
    const removed = this.#remove().then(() => {
      if (this.#made !== undefined) removeEmpty(dirname(this.#out), this.#made);
    });
    if (patience === undefined) return removed;
    removed.catch(() => {});
    await Promise.race([removed, new Promise((resolve) => setTimeout(resolve, patience))]);
  }

  /** Under another name, so that the same merge can begin again at once. */
  async #remove(): Promise<void> {
    let path = privatePath(this.path);
    try {
      renameSync(this.path, path);
    } catch {
      path = this.path;
    }
    await rm(path, { recursive: true, force: true, maxRetries: RETRIES });
  }

  /** Removes what belongs to the stage and not to the model. */
  #strip(folder: string): void {
    for (const name of readdirSync(folder)) {
      if (name.startsWith(LOCK) || name.startsWith(RECORD)) rmSync(join(folder, name));
    }
  }

  /** Puts the finished folder at the target; on an error the target holds what it held. */
  #replace(ready: string, replaces: boolean): void {
    const aside = asidePath(this.path);
    if (replaces) exchange(ready, this.#out, aside);
    else moveInto(ready, this.#out);
    try {
      if (this.#sync) syncFolder(dirname(this.#out));
    } catch (error) {
      if (replaces) exchange(ready, this.#out, aside);
      else renameSync(this.#out, ready);
      throw error;
    }
    if (replaces) forget(ready);
  }

  #write(path: string, bytes: Uint8Array, sync: boolean): void {
    const descriptor = openSync(path, "wx");
    try {
      for (let done = 0; done < bytes.byteLength; ) {
        done += writeSync(descriptor, bytes, done, bytes.byteLength - done);
      }
      if (sync) fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  #guard<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw systemError(error, this.#out);
    }
  }
}

/** Why the merge failed matters more than why its remains cannot be removed. */
function removeAfter(error: unknown, ready: string): never {
  try {
    rmSync(ready, { recursive: true, force: true, maxRetries: RETRIES });
  } catch {
    // A later merge removes them.
  }
  throw error;
}

/** Gives a file its final size; with its blocks reserved where the addon is there to do it. */
function reserve(path: string, size: number): void {
  const { addon } = loadAddon();
  const failure = addon?.reserve(path, size);
  if (failure !== undefined) {
    throw new MergeError(failure.code as ErrorCode, failure.message, {
      hint: `the output needs ${size} bytes`,
    });
  }
  if (addon !== undefined) return;
  const descriptor = openSync(path, "r+");
  try {
    writeSync(descriptor, new Uint8Array(1), 0, 1, size - 1);
  } finally {
    closeSync(descriptor);
  }
}
