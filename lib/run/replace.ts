/** Putting a finished folder where another lies, in one step where the system can. */
import { renameSync } from "node:fs";
import { type ErrorCode, MergeError, printable } from "../errors.ts";
import { loadAddon } from "./addon.ts";
import { patiently } from "./patience.ts";

/**
 * Lets `path` and `target`, which both exist, change places; called again it undoes itself. Where
 * the system cannot, the target lies at `aside` for a moment, and `settleReplacement` repairs what
 * a crash leaves then.
 * @throws MergeError, or the system's error; then both lie where they lay, or the message says where
 */
export function exchange(path: string, target: string, aside: string): void {
  const done = loadAddon().addon?.exchange(path, target) ?? false;
  if (typeof done === "object") throw new MergeError(done.code as ErrorCode, done.message);
  if (done) return;
  patiently(() => renameSync(target, aside));
  try {
    patiently(() => renameSync(path, target));
  } catch (error) {
    putBack(aside, target, error);
    throw error;
  }
  patiently(() => renameSync(aside, path));
}

function putBack(aside: string, target: string, cause: unknown): void {
  try {
    patiently(() => renameSync(aside, target));
  } catch (error) {
    const what = `what was there lies at ${printable(aside)} and cannot be moved back`;
    const { message } = error as Error;
    throw new MergeError("WRITE_FAILED", `${printable(target)}: ${what}: ${message}`, {
      cause,
      hint: "when this process has ended, the next merge to this output moves it back",
    });
  }
}
