/** Compiling the addon with node-gyp, for prepare.mjs (checkout) and install.mjs (package). */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const require = createRequire(import.meta.url);

/** Environment in which node-gyp takes the headers beside this node instead of downloading them. */
export function environment() {
  const prefix = resolve(process.execPath, "../..");
  const headers = existsSync(join(prefix, "include/node/node_api.h"));
  if (!headers || process.env.npm_package_config_node_gyp_nodedir !== undefined) return process.env;
  return { ...process.env, npm_package_config_node_gyp_nodedir: prefix };
}

/** The node-gyp of this package's dependencies, or the one npm brings along. */
function program() {
  try {
    return join(dirname(require.resolve("node-gyp/package.json")), "bin/node-gyp.js");
  } catch {
    return process.env.npm_config_node_gyp;
  }
}

function runs(name) {
  return name !== undefined && spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0;
}

/** What is missing to compile, or undefined. On Windows only node-gyp itself can tell. */
export function missingTool() {
  if (program() === undefined) return "no node-gyp";
  if (process.platform === "win32") return undefined;
  const compiler = process.env.CXX?.split(" ")[0];
  if (![compiler, "g++", "c++", "clang++"].some(runs)) return "no C++ compiler";
  const { PYTHON, npm_config_python, NODE_GYP_FORCE_PYTHON } = process.env;
  const pythons = [NODE_GYP_FORCE_PYTHON, npm_config_python, PYTHON, "python3", "python"];
  if (!pythons.some(runs)) return "no Python (node-gyp needs it)";
  if (![process.env.MAKE, "make", "gmake"].some(runs)) return "no make";
  return undefined;
}

/** Runs node-gyp in the package's folder; its output comes back as text. */
export function nodeGyp(...args) {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [program(), ...args], {
    cwd: root,
    env: environment(),
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  return { ok: status === 0, output: `${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}` };
}

/** True when an addon is found that loads here and is of this package's version. */
export function addonLoads() {
  // In a process of its own, so that a broken binary cannot take this one down.
  const code = `
    const addon = require("node-gyp-build")(${JSON.stringify(root)});
    process.exit(addon.version === require("./package.json").version ? 0 : 1);`;
  const child = spawnSync(process.execPath, ["-e", code], { cwd: root, stdio: "ignore" });
  return child.status === 0;
}
