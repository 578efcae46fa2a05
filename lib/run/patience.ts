/** Windows refuses to rename or remove what a virus scanner or an indexer looks at for a moment. */

const IN_THE_WAY = new Set(["EPERM", "EACCES", "EBUSY"]);

/** Pauses between attempts, in milliseconds: a second in all. */
const PAUSES = [5, 10, 20, 40, 80, 160, 320, 365];

/** How `rm` and `rmSync` are to treat such files. */
export const RETRIES: number = process.platform === "win32" ? PAUSES.length : 0;

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** Calls `body` again while something is in its way; elsewhere than on Windows, only once. */
export function patiently<T>(
  body: () => T,
  pauses: readonly number[] = PAUSES.slice(0, RETRIES),
): T {
  for (const each of pauses) {
    try {
      return body();
    } catch (error) {
      if (!IN_THE_WAY.has(String((error as NodeJS.ErrnoException).code))) throw error;
      pause(each);
    }
  }
  return body();
}
