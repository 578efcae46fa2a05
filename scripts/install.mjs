/**
 * npm's install hook of the published package. A prebuilt addon that loads is all it wants; else it
 * compiles one. It never fails: without an addon the TypeScript reference backend does the work.
 * In a checkout (which has .git, or no dist yet) prepare.mjs is in charge and this does nothing.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { addonLoads, missingTool, nodeGyp, root } from "./node-gyp.mjs";

const isCheckout = existsSync(join(root, ".git")) || !existsSync(join(root, "dist"));

/** Why there is no addon in the end, or undefined. */
function install() {
  if (process.env.npm_config_build_from_source !== "true" && addonLoads()) return undefined;
  const missing = missingTool();
  if (missing !== undefined) return missing;
  if (!nodeGyp("rebuild", "-j", "max").ok) return "compiling it failed (npm run build:native)";
  return addonLoads() ? undefined : "the compiled one does not load";
}

if (!isCheckout && process.env.WEIGHTLOOM_SKIP_NATIVE !== "1") {
  const reason = install();
  if (reason !== undefined) {
    console.log(`weightloom: no native addon: ${reason}; using the TypeScript reference backend`);
  }
}
