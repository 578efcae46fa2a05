/**
 * Judges the addons in prebuilds/: what they ask of a system, and what they show to others.
 *
 *   node scripts/check-prebuilds.mjs                 those that are there, at least one
 *   node scripts/check-prebuilds.mjs --complete      as for a release: all of them must be there
 */
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./node-gyp.mjs";

const folder = join(root, "prebuilds");

/** Every target of a release. */
const TARGETS = [
  "darwin-arm64/weightloom.node",
  "darwin-x64/weightloom.node",
  "linux-arm64/weightloom.glibc.node",
  "linux-arm64/weightloom.musl.node",
  "linux-x64/weightloom.glibc.node",
  "linux-x64/weightloom.musl.node",
  "win32-arm64/weightloom.node",
  "win32-x64/weightloom.node",
];

/** What Node 20 itself needs; a system that runs it has these. */
const FLOOR = { GLIBC: [2, 28], GLIBCXX: [3, 4, 21], CXXABI: [1, 3, 9], GCC: [7] };
const EXPORTS = ["napi_register_module_v1", "node_api_module_get_api_version_v1"];
const LIBRARIES =
  /^(libc|libm|libdl|libpthread|libstdc\+\+|libgcc_s|ld-linux[-\w]*|libc\.musl-\w+)\.so/;
const MACHINES = { x64: "X86-64", arm64: "AArch64" };

/** The first bytes of each system's binaries. */
const MAGIC = { linux: "7f454c46", darwin: "cffaedfe", win32: "4d5a" };

/** readelf reads any architecture, unlike objdump. */
function readelf(...args) {
  const { status, stdout, stderr, error } = spawnSync("readelf", ["-W", ...args], {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(`readelf: ${error?.message ?? stderr}`);
  return stdout;
}

function isAbove(version, floor) {
  for (let i = 0; i < Math.max(version.length, floor.length); i++) {
    const difference = (version[i] ?? 0) - (floor[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

/** Versions of symbols that are asked for, above the floor. */
function tooNew(path) {
  const wanted = readelf("--dyn-syms", path).matchAll(/@([A-Z]+)_([\d.]+)/g);
  const names = new Set([...wanted].map(([, set, version]) => `${set}_${version}`));
  return [...names].filter((name) => {
    const [set, version] = name.split("_");
    return FLOOR[set] === undefined || isAbove(version.split(".").map(Number), FLOOR[set]);
  });
}

/** Names that are defined for others to link with. */
function exportsOf(path) {
  return readelf("--dyn-syms", path)
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , , bind, , section]) => bind === "GLOBAL" && section !== "UND")
    .map(([, , , , , , , name]) => name.replace(/@.*/, ""))
    .sort();
}

function checkLinux(path, name) {
  const wrong = [];
  const machine = /Machine:\s+(.*)/.exec(readelf("-h", path))?.[1] ?? "";
  const arch = /^linux-(\w+)/.exec(name)[1];
  if (!machine.includes(MACHINES[arch])) wrong.push(`is for ${machine}`);
  const needed = [...readelf("-d", path).matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, lib]) => lib);
  for (const lib of needed) if (!LIBRARIES.test(lib)) wrong.push(`needs ${lib}`);
  // Both names are musl's own, whatever lies in the file system.
  const isMusl = needed.some((lib) => lib.startsWith("libc.musl") || lib === "libc.so");
  if (isMusl !== name.includes(".musl.")) wrong.push(`needs ${needed.join(", ")}`);
  for (const version of tooNew(path)) wrong.push(`needs ${version}`);
  const found = exportsOf(path);
  if (found.join() !== EXPORTS.join()) wrong.push(`exports ${found.join(", ") || "nothing"}`);
  return wrong;
}

function check(name) {
  const path = join(folder, name);
  if (!TARGETS.includes(name)) return ["is no target of a release"];
  if (lstatSync(path).nlink > 1) return ["is a hard link, which npm refuses"];
  const system = name.split("-")[0];
  const bytes = readFileSync(path);
  if (!bytes.toString("hex", 0, 4).startsWith(MAGIC[system])) return [`is no binary of ${system}`];
  // The addon tells its version; a stale one would be refused when it is loaded.
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  if (!bytes.includes(`\0${version}\0`)) return [`is not of version ${version}`];
  return system === "linux" ? checkLinux(path, name) : [];
}

const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .flatMap(({ name }) => readdirSync(join(folder, name)).map((file) => `${name}/${file}`));
const report = names.map((name) => [name, check(name)]);
if (process.argv.includes("--complete")) {
  const gaps = TARGETS.filter((name) => !existsSync(join(folder, name)));
  for (const name of gaps) report.push([name, ["is missing"]]);
}
if (report.length === 0) report.push(["prebuilds/", ["holds no addon (npm run prebuilds)"]]);

for (const [name, wrong] of report) {
  if (wrong.length === 0) console.log(`${name}: ${lstatSync(join(folder, name)).size} bytes, fits`);
  for (const each of wrong) console.error(`${name} ${each}`);
}
process.exit(report.some(([, wrong]) => wrong.length > 0) ? 1 : 0);
