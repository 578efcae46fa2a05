/**
 * Whole or absent: everything is written to a stage beside the target, synced, and renamed onto it.
 * The stage's name carries the plan's hash; a lock file in it names the process that writes.
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
  writeFileSync,
  writeSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join, resolve, sep } from "node:path";
import type { AssetFile } from "../assets/index.ts";
import { type ErrorCode, MergeError, printable } from "../errors.ts";
import { readRegularFile } from "../format/header.ts";
import type { Plan } from "../plan/types.ts";
import { loadAddon } from "./addon.ts";
import { asideOf, exchange, settleReplacement } from "./replace.ts";

const LOCK = "weightloom.lock";

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
function realPath(path: string): string {
  let at = resolve(path);
  const rest: string[] = [];
  while (!existsSync(at) && dirname(at) !== at) {
    rest.unshift(basename(at));
    at = dirname(at);
  }
  return join(realpathSync(at), ...rest);
}

function isInside(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
}

/**
 * Refuses an output path that exists (unless it may be overwritten, or is an empty folder), or that
 * would overwrite or lie among the inputs. Before that, repairs what a crash has left of an earlier
 * replacement there.
 */
export function checkOutput(out: string, plan: Plan, overwrite: boolean): void {
  const target = realPath(out);
  // A file's folder counts, and where the file is a link, the folder that it leads to as well.
  const folders = plan.sources.flatMap(({ path }) => [dirname(path), dirname(realPath(path))]);
  for (const folder of new Set([...folders, plan.assets.donor].map(realPath))) {
    const apart = !isInside(folder, target) && !isInside(target, folder);
    if (apart && !isInside(folder, asideOf(target))) continue;
    const message = `the output ${printable(out)} and the input ${printable(folder)} overlap`;
    throw new MergeError("OUTPUT_IS_INPUT", message, { hint: "choose another output path" });
  }
  settle(target);
  if (!isTaken(out)) return;
  const folder = existsSync(out) && statSync(out).isDirectory();
  if (folder && (overwrite || readdirSync(out).length === 0)) return;
  throw outputExists(out, folder);
}

function settle(target: string): void {
  try {
    settleReplacement(target);
  } catch (error) {
    throw systemError(error, target);
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
    hint: folder ? "allow it by overwrite, or choose another path" : "it is not a folder",
  });
}

/** Removes empty folders from `path` up to `top`. */
function removeEmpty(path: string, top: string): void {
  try {
    for (let at = path; isInside(at, top); at = dirname(at)) rmdirSync(at);
  } catch {
    // Something else has come to lie in it, and keeps it.
  }
}

function isAlive(lock: string): boolean {
  try {
    const { pid, host } = JSON.parse(readFileSync(lock, "utf8")) as { pid: number; host: string };
    if (host !== hostname()) return true;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
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
  readonly #out: string;
  readonly #sync: boolean;
  /** The uppermost folder that had to be made for the target. */
  #made: string | undefined;

  /** Makes the stage. @throws MergeError OUTPUT_BUSY when a living process holds it */
  constructor(out: string, plan: Plan, sync: boolean) {
    this.#out = realPath(out);
    this.#sync = sync;
    this.path = `${this.#out}.weightloom-${plan.hash.slice(0, 12)}`;
    this.#guard(() => {
      this.#made = mkdirSync(dirname(this.#out), { recursive: true });
      this.#claim();
    });
  }

  /** Creates the shards: header in place, blocks reserved. */
  createShards(plan: Plan): string[] {
    return plan.shards.map(({ name, size, header }) => {
      const path = join(this.path, name);
      this.#guard(() => {
        this.#write(path, Buffer.from(header, "base64"), false);
        reserve(path, size);
      });
      return path;
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
      rmSync(join(this.path, LOCK));
      if (this.#sync) syncFolder(this.path);
      if (replaces) exchange(this.path, this.#out);
      else renameSync(this.path, this.#out);
      try {
        if (this.#sync) syncFolder(dirname(this.#out));
      } catch (error) {
        if (replaces) exchange(this.path, this.#out);
        else renameSync(this.#out, this.path);
        throw error;
      }
      if (replaces) this.#forget();
    });
  }

  /** Removes the old folder, which now lies at the stage; if it stays, the next merge removes it. */
  #forget(): void {
    try {
      rmSync(this.path, { recursive: true, force: true });
    } catch {
      // The model is published: that the old one is still there is no reason to say it failed.
    }
  }

  /**
   * Removes the stage. With `patience`, waits no longer than so many milliseconds for a large one;
   * the rest is removed in the background.
   */
  async discard(patience?: number): Promise<void> {
    const removed = rm(this.path, { recursive: true, force: true }).then(() => {
      if (this.#made !== undefined) removeEmpty(dirname(this.#out), this.#made);
    });
    if (patience === undefined) return removed;
    removed.catch(() => {});
    await Promise.race([removed, new Promise((resolve) => setTimeout(resolve, patience))]);
  }

  #claim(): void {
    const lock = join(this.path, LOCK);
    if (existsSync(this.path)) {
      if (isAlive(lock)) {
        const message = `another merge is writing to ${printable(this.#out)}`;
        throw new MergeError("OUTPUT_BUSY", message, { hint: `its stage is ${this.path}` });
      }
      rmSync(this.path, { recursive: true, force: true });
    }
    mkdirSync(this.path);
    try {
      writeFileSync(lock, JSON.stringify({ pid: process.pid, host: hostname() }), { flag: "wx" });
    } catch (error) {
      rmSync(this.path, { recursive: true, force: true });
      if (this.#made !== undefined) removeEmpty(dirname(this.#out), this.#made);
      throw error;
    }
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

  #guard(body: () => void): void {
    try {
      body();
    } catch (error) {
      throw systemError(error, this.#out);
    }
  }
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
    if (size > 0) writeSync(descriptor, new Uint8Array(1), 0, 1, size - 1);
  } finally {
    closeSync(descriptor);
  }
}
