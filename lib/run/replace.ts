/** Putting a finished folder where another lies, in one step where the system can. */
import { renameSync } from "node:fs";
import { type ErrorCode, MergeError } from "../errors.ts";
import { loadAddon } from "./addon.ts";
import { patiently } from "./patience.ts";

/**
 * Lets `path` and `target`, which both exist, change places; called again it undoes itself. Where
 * the system cannot, the target lies at `aside` for a moment, and `settleReplacement` repairs what
 * a crash leaves then.
 * @throws MergeError, or the system's error; then both lie where they lay
 */
export function exchange(path: string, target: string, aside: string): void {
  const done = loadAddon().addon?.exchange(path, target) ?? false;
  if (typeof done === "object") throw new MergeError(done.code as ErrorCode, done.message);
  if (done) return;
  patiently(() => renameSync(target, aside));
  try {
    patiently(() => renameSync(path, target));
  } catch (error) {
    patiently(() => renameSync(aside, target));
    throw error;
  }
  patiently(() => renameSync(aside, path));
}
