/**
 * Injects faults at every call that a merge makes, and prints a table of what came of it.
 *
 *   npm run test:faults              everything
 *   npm run test:faults -- --quick   every fault, at some of the calls
 *   npm run test:faults -- --only kill
 *
 * Exits with 1 on any torn output, crash or hang, on anything else a merge must not do, and when a
 * fault was never met: a fault test without a fault proves nothing.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ERROR_CODES } from "../../dist/errors.js";
import { merge } from "../../dist/index.js";
import { FAULTS, WAYS } from "./faults.mjs";
import { LIMITS } from "./limits.mjs";
import { SHARD_SIZE, writeFixture } from "./models.mjs";
import { contentOf } from "./outcome.mjs";
import { sweep } from "./sweep.mjs";

const root = join(import.meta.dirname, "../..");
const { values: flags } = parseArgs({
  options: { quick: { type: "boolean", default: false }, only: { type: "string", default: "" } },
});

/** Compiles the shim; only where there is a dynamic linker to preload it. */
function buildShim() {
  const folder = join(root, "build-faults");
  mkdirSync(folder, { recursive: true });
  const shim = join(folder, "shim.so");
  const source = join(import.meta.dirname, "shim.c");
  const args = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-o", shim, source, "-ldl"];
  const { status, error } = spawnSync(process.env.CC ?? "cc", args, { stdio: "inherit" });
  if (status !== 0) throw new Error(`the shim does not compile: ${error?.message ?? status}`);
  return shim;
}

/** A folder with inputs, the recipe, an old model, and what a merge without faults makes. */
async function makePlace(shim) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "weightloom-faults-")));
  const recipe = writeFixture(folder);
  mkdirSync(join(folder, "outputs"));
  const clean = join(folder, "clean");
  await merge(recipe, { out: clean, shardSize: SHARD_SIZE });
  const old = join(folder, "old");
  cpSync(clean, old, { recursive: true });
  writeFileSync(join(old, "config.json"), "the old model");
  const known = { whole: contentOf(clean), old: contentOf(old) };
  return { root: folder, recipe, shim, known, codes: knownCodes() };
}

/** Codes that an error may carry here; INTERNAL would be a defect. */
function knownCodes() {
  return new Set(Object.keys(ERROR_CODES).filter((code) => code !== "INTERNAL"));
}

function rowOf(way, fault, tally, seconds) {
  const { complaints, ...counts } = tally;
  return { way, fault, ...counts, wrong: complaints.length, seconds };
}

/** Calls that the quick mode looks at: killing takes a process each time. */
function stepsOf(fault) {
  if (!flags.quick) return {};
  const stride = fault.what === "kill" ? 11 : fault.kinds === "any" ? 3 : 1;
  return { stride, from: 1 + Math.floor(Math.random() * stride) };
}

function applies({ lacks = [], only, quick }, { name, kinds }) {
  if (lacks.includes(kinds) || !name.includes(flags.only)) return false;
  return ((flags.quick ? quick : undefined) ?? only ?? [name]).includes(name);
}

async function runAll(place) {
  const rows = [];
  const complaints = [];
  const addRow = async (way, fault, run) => {
    const started = performance.now();
    const tally = await run();
    if (tally.faults === 0) tally.complaints.push(`${way}, ${fault}: never met`);
    complaints.push(...tally.complaints);
    rows.push(rowOf(way, fault, tally, Math.round((performance.now() - started) / 100) / 10));
    clear(place);
  };
  for (const way of WAYS) {
    for (const fault of FAULTS) {
      if (!applies(way, fault)) continue;
      await addRow(way.name, fault.name, () => sweep(place, way, fault, stepsOf(fault)));
    }
  }
  for (const limit of LIMITS) {
    if (!limit.name.includes(flags.only)) continue;
    await addRow("machine", limit.name, () => limit.run(place, flags.quick));
  }
  return { rows, complaints };
}

function clear({ root: folder }) {
  rmSync(join(folder, "outputs"), { recursive: true });
  mkdirSync(join(folder, "outputs"));
}

function totals(rows) {
  const sum = { way: "all", fault: "" };
  for (const row of rows) {
    for (const [key, value] of Object.entries(row)) {
      if (typeof value === "number") sum[key] = Math.round(((sum[key] ?? 0) + value) * 10) / 10;
    }
  }
  return sum;
}

const place = await makePlace(buildShim());
try {
  const { rows, complaints } = await runAll(place);
  console.table([...rows, totals(rows)]);
  for (const each of complaints.slice(0, 50)) console.error(each);
  if (complaints.length > 0) console.error(`${complaints.length} complaints`);
  process.exitCode = complaints.length > 0 || rows.length === 0 ? 1 : 0;
} finally {
  rmSync(place.root, { recursive: true, force: true });
}
