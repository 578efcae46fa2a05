/**
 * Makes a checkout ready to test and run, doing only what is missing: dependencies, dist/, with
 * --examples also build-examples/, with --bench also build-bench/, and the native addon. Needs Node
 * and npm; without a C++ compiler (or with WEIGHTLOOM_SKIP_NATIVE=1) it leaves the addon out, and
 * the reference backend serves.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { missingTool, nodeGyp, root } from "./node-gyp.mjs";

const REFERENCE = "using the TypeScript reference backend";
const at = (...parts) => join(root, ...parts);

function fail(message, output) {
  console.error(`${output}\nweightloom: ${message}`);
  process.exit(1);
}

function say(message) {
  console.log(`weightloom: ${message}`);
}

/** Runs a program to its end; on failure shows what it printed and gives up. */
function run(what, program, args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: root,
    encoding: "utf8",
    shell: program.endsWith(".cmd"),
    maxBuffer: 1 << 28,
  });
  if (status !== 0) fail(`${what} failed`, `${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}`);
}

/** All files under the given files and folders, in a fixed order. */
function filesOf(...names) {
  return names.flatMap((name) => {
    if (!statSync(at(name)).isDirectory()) return [name];
    return readdirSync(at(name), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
      .sort();
  });
}

function hashOf(files, ...more) {
  const hash = createHash("sha256").update(JSON.stringify(more));
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(at(file)));
  return hash.digest("hex");
}

/** A stamp holds the hash of what its output was made from. */
function isDone(stamp, hash, output) {
  return existsSync(at(output)) && existsSync(stamp) && readFileSync(stamp, "utf8") === hash;
}

function markDone(stamp, hash) {
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
}

/** npm's record of what is installed holds every package of the lock that is not optional. */
function dependenciesInstalled() {
  const record = at("node_modules/.package-lock.json");
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(at("package-lock.json"), "utf8")).packages;
  const installed = JSON.parse(readFileSync(record, "utf8")).packages;
  return Object.entries(wanted).every(([place, { version, optional }]) => {
    if (place === "") return true;
    return installed[place]?.version === version || (optional && installed[place] === undefined);
  });
}

function installDependencies() {
  if (dependenciesInstalled()) return;
  say("installing dependencies");
  // Not `npm ci`: it refuses a lock file that lacks binaries of other platforms.
  const args = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"];
  const npm = process.env.npm_execpath;
  if (npm?.endsWith(".js")) run("npm install", process.execPath, [npm, ...args]);
  else run("npm install", process.platform === "win32" ? "npm.cmd" : "npm", args);
}

/** Compiles into a new folder that then takes the old one's place, so nothing stale stays. */
function compile(config, output, inputs) {
  const hash = hashOf(filesOf(...inputs, config));
  const stamp = at("node_modules/.cache/weightloom", output);
  if (isDone(stamp, hash, output)) return;
  say(`compiling ${output}/`);
  const fresh = `${output}.new`;
  rmSync(at(fresh), { recursive: true, force: true });
  const tsc = at("node_modules/typescript/bin/tsc");
  run(`tsc -p ${config}`, process.execPath, [tsc, "-p", config, "--outDir", fresh]);
  if (output === "dist") run("bundle", process.execPath, [at("scripts/bundle.mjs"), fresh]);
  rmSync(at(output), { recursive: true, force: true });
  renameSync(at(fresh), at(output));
  markDone(stamp, hash);
}

const ADDON = "build/Release/weightloom.node";
const ADDON_STAMP = at("build/Release/weightloom.stamp");

function nativeHash() {
  const native = filesOf("native").filter((file) => !/^native.(test|fuzz)\W/.test(file));
  const { version } = JSON.parse(readFileSync(at("package.json"), "utf8"));
  return hashOf([...native, "binding.gyp"], version, process.platform, process.arch);
}

function buildAddon() {
  const hash = nativeHash();
  if (isDone(ADDON_STAMP, hash, ADDON)) return;
  // A binary of other sources would be loaded without a word.
  rmSync(at(ADDON), { force: true });
  const missing = missingTool();
  if (missing !== undefined) return say(`${missing} found; ${REFERENCE}`);
  say("compiling the native addon (may take a minute)");
  const commands = existsSync(at("build/Makefile")) ? ["configure", "build"] : ["rebuild"];
  const { ok, output } = nodeGyp(...commands, "-j", "max");
  mkdirSync(at("build"), { recursive: true });
  writeFileSync(at("build/prepare.log"), output);
  if (ok && existsSync(at(ADDON))) return markDone(ADDON_STAMP, hash);
  console.error(output.trimEnd().split("\n").slice(-30).join("\n"));
  say(`compiling the addon failed (build/prepare.log); ${REFERENCE}`);
}

installDependencies();
compile("tsconfig.json", "dist", ["lib", "scripts/bundle.mjs", "package-lock.json"]);
if (process.argv.includes("--examples")) {
  compile("tsconfig.examples.json", "build-examples", ["examples", "dist", "tsconfig.json"]);
}
if (process.argv.includes("--bench")) {
  compile("tsconfig.bench.json", "build-bench", ["bench", "dist", "tsconfig.json"]);
}
if (process.env.WEIGHTLOOM_SKIP_NATIVE !== "1") buildAddon();
