import { statSync } from "node:fs";
import { MergeError, printable } from "../errors.ts";
import type { PlanSource } from "../plan/types.ts";

/** What to do about an input that changes. */
export const UNDISTURBED = "merge again when nothing writes to it";

/**
 * Insists that every input file is still the one whose header was read: same inode, device, size
 * and modification time. Called before the files are opened and at once when they are, so that what
 * was opened is what was planned; and after the last read and before publishing, because a file
 * that was rewritten in place would otherwise leave a model that nobody meant. Once open, a file
 * that is removed or replaced by renaming is harmless: the old content is still what is read.
 */
export function checkInputs(sources: readonly PlanSource[], when: "opening" | "after"): void {
  for (const { path, size, identity } of sources) {
    const now = statSync(path, { bigint: true, throwIfNoEntry: false });
    const other = now?.ino.toString() !== identity.inode;
    if (when === "after" && other) continue;
    const same =
      now !== undefined &&
      !other &&
      now.size === BigInt(size) &&
      now.mtimeNs.toString() === identity.mtimeNs &&
      now.dev.toString() === identity.device;
    if (same) continue;
    throw inputChanged(path);
  }
}

export function inputChanged(path: string): MergeError {
  return new MergeError("INPUT_CHANGED", `${printable(path)} changed while it was being merged`, {
    hint: UNDISTURBED,
  });
}
