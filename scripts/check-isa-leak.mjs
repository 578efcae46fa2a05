/**
 * Proves that code for one instruction set cannot reach a processor without it: the kernel archives
 * share no symbol with the rest, run nothing at load, and nothing outside them uses wide registers.
 * A weak symbol in a kernel object could become everybody's copy of an inline function.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const objects = join(root, process.argv[2] ?? "build/Release", "obj.target");

function read(program, ...args) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Symbols that the archive offers to or shares with others; local ones do not matter. */
function checkSymbols(archive, isa) {
  const wrong = [];
  const offered = [];
  for (const line of read("nm", "-C", archive).split("\n")) {
    const found = /^[0-9a-f]* +([A-Za-z]) (.+)$/.exec(line);
    if (found === null) continue;
    const [, kind, name] = found;
    if ("WVuvw".includes(kind)) wrong.push(`weak or unique symbol (${kind}): ${name}`);
    else if (kind !== "U" && kind === kind.toUpperCase()) offered.push(`${kind} ${name}`);
  }
  const table = `weightloom::${isa}_table`;
  const single = offered.length === 1 && /^[DR] /.test(offered[0]) && offered[0].endsWith(table);
  if (!single) wrong.push(`defines ${offered.join(", ") || "nothing"}; only ${table} is allowed`);
  return wrong;
}

/** Sections and functions through which code would run when the addon is loaded. */
function checkLoading(archive) {
  const wrong = [];
  for (const [section] of read("objdump", "-h", archive).matchAll(/\.(?:init_array|ctors)\S*/g)) {
    wrong.push(`section ${section}`);
  }
  for (const [name] of read("nm", archive).matchAll(
    /\S*(?:_GLOBAL__(?:sub_)?[ID]_|__static_init)\S*/g,
  )) {
    wrong.push(`dynamic initialiser ${name}`);
  }
  return wrong;
}

/** Functions of a baseline object that use ymm or zmm registers. */
function checkBaseline(object) {
  const wrong = new Set();
  let at = "";
  for (const line of read("objdump", "-dC", "--no-show-raw-insn", object).split("\n")) {
    at = /^[0-9a-f]+ <(.+)>:$/.exec(line)?.[1] ?? at;
    if (/%[yz]mm\d/.test(line)) wrong.add(`wide registers in ${at}`);
  }
  return [...wrong];
}

function baselineObjects() {
  return readdirSync(objects, { recursive: true })
    .filter((name) => name.endsWith(".o") && !/^kernels_(?!scalar)/.test(name))
    .map((name) => join(objects, name));
}

if (!existsSync(objects)) {
  console.error(`${objects} is missing: build the addon first (npm run build:native)`);
  process.exit(1);
}
const archives = readdirSync(objects).filter((name) => /^kernels_\w+\.a$/.test(name));
const report = new Map();
for (const name of archives) {
  const archive = join(objects, name);
  const isa = /^kernels_(\w+)\.a$/.exec(name)[1];
  report.set(name, [...checkSymbols(archive, isa), ...checkLoading(archive)]);
}
const baseline = baselineObjects();
for (const object of baseline) report.set(object, checkBaseline(object));
if (archives.length < 2) report.set(objects, [`holds ${archives.length} kernel archives`]);

const failed = [...report].filter(([, wrong]) => wrong.length > 0);
for (const [where, wrong] of failed) {
  for (const each of wrong) console.error(`${where}: ${each}`);
}
if (failed.length > 0) process.exit(1);
console.log(`no leaks: ${archives.join(", ")}; ${baseline.length} baseline objects`);
