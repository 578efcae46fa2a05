import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Whether the native addon loads here; tests that compare it need it, all others do not. */
function hasAddon(): boolean {
  if (process.env.WEIGHTLOOM_BACKEND === "reference") return false;
  try {
    createRequire(import.meta.url)("node-gyp-build")(dirname(fileURLToPath(import.meta.url)));
    return true;
  } catch {
    return false;
  }
}

const NATIVE_ONLY = [
  "test/bench/**",
  "test/parity/**",
  "test/unit/run/backend.test.ts",
  "test/unit/merge-abort.test.ts",
  "test/unit/merge-inputs.test.ts",
  "test/unit/memory.test.ts",
  "test/unit/cli/merge.test.ts",
  "test/unit/cli/mergekit.test.ts",
];

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: hasAddon() ? [] : NATIVE_ONLY,
    unstubGlobals: true,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: Math.max(2, availableParallelism() - 1),
    coverage: {
      provider: "v8",
      include: ["lib/**"],
      reporter: ["text", "json-summary"],
      // Every branch is to have a test, on Linux with the addon; what cannot happen is not branched on.
      thresholds: { branches: 99.9 },
    },
  },
});
