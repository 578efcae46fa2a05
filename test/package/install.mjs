/** Installs a tarball in an empty folder, where compilers are traps, and merges with it. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import { npm, run } from "./npm.mjs";

export const RECIPE = join(import.meta.dirname, "../../examples/tiny-family/ties.yml");

const TOOLS = ["cc", "c++", "gcc", "g++", "clang", "clang++", "make", "gmake", "cmake", "python3"];

/** One hash of the names and bytes of all files below a folder. */
export function contentOf(folder) {
  const hash = createHash("sha256");
  for (const name of readdirSync(folder, { recursive: true }).sort()) {
    hash.update(`${name}\0`).update(readFileSync(join(folder, name)));
  }
  return hash.digest("hex");
}

/** A folder for the head of PATH, in which every tool notes that it was called, and fails. */
function makeTraps(folder) {
  const log = join(folder, "called");
  mkdirSync(folder, { recursive: true });
  for (const tool of [...TOOLS, "python", "node-gyp"]) {
    const path = join(folder, tool);
    writeFileSync(path, `#!/bin/sh\necho "$0 $*" >> "${log}"\nexit 1\n`);
    chmodSync(path, 0o755);
  }
  if (process.platform !== "win32") symlinkSync(process.execPath, join(folder, "node"));
  return { path: folder, called: () => (existsSync(log) ? readFileSync(log, "utf8") : "") };
}

/** This process's environment without what npm and this project put there. */
function plainEnvironment() {
  const own = /^(npm_|WEIGHTLOOM_|PREBUILDS_ONLY|CC$|CXX$|MAKE$|PYTHON$|NODE_)/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
}

/** @param options `scripts`: let install scripts run; `compiler`: set no traps */
export function installed(folder, tarball, { scripts, compiler = false }) {
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  const env = plainEnvironment();
  const traps = makeTraps(join(folder, "traps"));
  if (!compiler) env.PATH = `${traps.path}${delimiter}${env.PATH}`;
  const args = ["install", "--no-audit", "--no-fund", "--prefer-offline", "--foreground-scripts"];
  if (!scripts) args.push("--ignore-scripts");
  const { output: log } = npm([...args, tarball], { cwd: folder, env });

  const merge = () => {
    const out = join(folder, "out");
    const cli = join(folder, "node_modules/weightloom/dist/cli.js");
    const { output } = run(process.execPath, [cli, "merge", RECIPE, out], { cwd: folder, env });
    const ask = 'console.log(require("weightloom").backendInfo().backend)';
    const told = run(process.execPath, ["-e", ask], { cwd: folder, env });
    return { output, content: contentOf(out), backend: told.stdout.trim() };
  };
  return { folder, log, merge, trapped: traps.called };
}
