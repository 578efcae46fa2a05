import { loadAddon } from "../lib/run/addon.ts";

/**
 * Backends that tests walk. A machine without the addon has the reference alone: the same tests run
 * there, and what compares the two has nothing to compare (see vitest.config.ts).
 */
export const BACKENDS: readonly ("native" | "reference")[] =
  loadAddon().addon === undefined ? ["reference"] : ["native", "reference"];
