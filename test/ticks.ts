/**
 * A job of native code is asked for its progress every few tens of milliseconds, and a fast machine
 * may be done by then. Tests that act on the way have it asked at every turn.
 */
import { vi } from "vitest";

/** Statements that do it in a process that a test starts. */
export const QUICK_TICKS = `
  const every = globalThis.setInterval;
  globalThis.setInterval = (tell) => every(tell, 1);`;

/** Does it here, until `vi.unstubAllGlobals()`. */
export function askOften(): void {
  const every = globalThis.setInterval;
  vi.stubGlobal("setInterval", (tell: () => void) => every(tell, 1));
}
