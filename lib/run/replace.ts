/**
 * Putting a finished folder where another lies. The system does it in one step where it can; else
 * the old one is moved aside, and `settleReplacement` repairs what a crash in between leaves.
 */
import { existsSync, renameSync, rmSync } from "node:fs";
import { type ErrorCode, MergeError } from "../errors.ts";
import { loadAddon } from "./addon.ts";

/** Where the old folder lies for a moment, if the system cannot exchange two. */
export function asideOf(target: string): string {
  return `${target}.weightloom-old`;
}

/**
 * Lets `path` and `target`, which both exist, change places. Called again it undoes itself.
 * @throws MergeError, or the system's error; then both lie where they lay
 */
export function exchange(path: string, target: string): void {
  const done = loadAddon().addon?.exchange(path, target) ?? false;
  if (typeof done === "object") throw new MergeError(done.code as ErrorCode, done.message);
  if (done) return;
  const aside = asideOf(target);
  renameSync(target, aside);
  try {
    renameSync(path, target);
  } catch (error) {
    renameSync(aside, target);
    throw error;
  }
  renameSync(aside, path);
}

/** Ends a replacement that a crash cut short: the old folder comes back, or goes if replaced. */
export function settleReplacement(target: string): void {
  const aside = asideOf(target);
  if (!existsSync(aside)) return;
  if (existsSync(target)) rmSync(aside, { recursive: true, force: true });
  else renameSync(aside, target);
}
