/**
 * Merges tell their progress every few tens of milliseconds, and a fast machine may be done by then.
 * Tests that act on the way have it told at every turn.
 */
import { vi } from "vitest";

/** Statements that do it for native code, in a process that a test starts. */
export const QUICK_TICKS = `
  const every = globalThis.setInterval;
  globalThis.setInterval = (tell) => every(tell, 1);`;

/** Does it in this test: timers run at once, and the clock moves on whenever it is asked. */
export function askOften(): void {
  const every = globalThis.setInterval;
  vi.stubGlobal("setInterval", (tell: () => void) => every(tell, 1));
  let now = performance.now();
  vi.stubGlobal("performance", {
    now() {
      now += 1000;
      return now;
    },
  });
}
