/**
 * Names beside a target, and what to do with those that a dead process left there. For a target X:
 *   X.weightloom-HASH              the stage of a plan; its locks name the owner
 *   X.weightloom-HASH.PID-HOST-N   being published or removed by process PID of machine HOST
 *   X.weightloom-HASH.PID-HOST-N-old      what lay at X, while that process replaces it
 *   X.weightloom-parts-N           results of named documents
 */
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readdirSync, renameSync, rmdirSync, rmSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { MergeError, printable } from "../errors.ts";
import { isOwned, isRunning, LOCK } from "./lock.ts";
import { patiently, RETRIES } from "./patience.ts";

const MARK = ".weightloom-";

const REMOVAL = { recursive: true, force: true, maxRetries: RETRIES };

export function stagePath(target: string, hash: string): string {
  return `${target}${MARK}${hash.slice(0, 12)}`;
}

function hostTag(): string {
  return createHash("sha256").update(hostname()).digest("hex").slice(0, 6);
}

/** A name beside a stage that nothing else has or touches while this process lives. */
export function privatePath(stage: string): string {
  return `${stage}.${process.pid}-${hostTag()}-${randomBytes(4).toString("hex")}`;
}

/** Names beside the target that are ours, without what they have in common. */
function namesBeside(target: string): { path: string; rest: string }[] {
  const start = `${basename(target)}${MARK}`;
  const folder = dirname(target);
  let names: string[] = [];
  try {
    names = readdirSync(folder).filter((name) => name.startsWith(start));
  } catch {
    // It is not there yet, or may be written but not listed.
  }
  return names.map((name) => ({ path: join(folder, name), rest: name.slice(start.length) }));
}

/** Whether the process that a private name tells is gone. */
function isAbandoned(name: string): boolean {
  const [, pid, host] = /\.(\d+)-([0-9a-f]{6})-[0-9a-f]+(?:-old)?$/.exec(name) ?? [];
  return host === hostTag() && !isRunning(Number(pid));
}

type Kind = "busy" | "stale" | "other";

function kindOf(path: string, rest: string): Kind {
  if (/^[0-9a-f]{12}$/.test(rest)) return isOwned(path) ? "busy" : "stale";
  const own = /^[0-9a-f]{12}(\.\d+-[0-9a-f]{6}-[0-9a-f]+)$/.exec(rest);
  if (own !== null) return isAbandoned(own[1]) ? "stale" : "other";
  // Before its lock is written nobody can tell whose it is.
  const parts = /^parts-\w+$/.test(rest) && existsSync(join(path, LOCK));
  return parts && !isOwned(path) ? "stale" : "other";
}

/**
 * Removes what dead processes left beside the target, other than `stage`.
 * @returns remarks for the user
 * @throws MergeError OUTPUT_BUSY when another plan is being merged to the target
 */
export function removeLeftovers(target: string, stage: string): string[] {
  const found = namesBeside(target).map(({ path, rest }) => {
    return { path, kind: path === stage ? "other" : kindOf(path, rest) };
  });
  const busy = found.find(({ kind }) => kind === "busy");
  if (busy !== undefined) throw outputBusy(target, busy.path);
  const stale = found.filter(({ kind }) => kind === "stale");
  for (const { path } of stale) rmSync(path, REMOVAL);
  if (stale.length === 0) return [];
  const shown = stale.map(({ path }) => printable(basename(path))).join(", ");
  return [`removed what an interrupted merge of another plan or inputs had left: ${shown}`];
}

export function outputBusy(target: string, stage: string): MergeError {
  const message = `another merge is writing to ${printable(target)}`;
  return new MergeError("OUTPUT_BUSY", message, { hint: `its stage is ${stage}` });
}

/** Where a process puts what lies at the target while it replaces it. */
export function asidePath(stage: string): string {
  return `${privatePath(stage)}-old`;
}

/**
 * Ends a replacement that was cut short between its two renames, or after them: what lay at the
 * target is put back where nothing has taken its place, and removed where the new model has.
 */
export function settleReplacement(target: string): void {
  for (const { path, rest } of namesBeside(target)) {
    if (!rest.endsWith("-old") || !isAbandoned(rest)) continue;
    const there = statSync(target, { throwIfNoEntry: false });
    const empty = there?.isDirectory() === true && readdirSync(target).length === 0;
    if (there !== undefined && !empty) {
      rmSync(path, REMOVAL);
    } else {
      if (empty) rmdirSync(target);
      patiently(() => renameSync(path, target));
    }
  }
}
