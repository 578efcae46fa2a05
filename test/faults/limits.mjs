/** Machines that have little: disk, file size, address space, descriptors; and disks that refuse. */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { merge } from "../../dist/index.js";
import { SHARD_SIZE, writeFixture } from "./models.mjs";
import { contentOf, leftoversOf, newTally, outcomeOf } from "./outcome.mjs";

const ONCE = join(import.meta.dirname, "once.mjs");
const DEADLINE = 60_000;

/** Runs a shell line; in it, `$MERGE` is the merge. @returns how the process ended and what it said */
export function runMerge(line, { recipe, options, descriptors, prefix = [], onBegin }) {
  const order = JSON.stringify({ recipe, options, descriptors });
  const [program, ...args] = [...prefix, "sh", "-c", line, process.execPath, ONCE, order];
  const child = spawn(program, args, { env: { ...process.env, UV_USE_IO_URING: "0" } });
  let [said, errors, hung] = ["", "", false];
  const timer = setTimeout(() => {
    hung = true;
    child.kill("SIGKILL");
  }, DEADLINE);
  child.stdout.on("data", (chunk) => {
    if (said === "") onBegin?.(child);
    said += chunk;
  });
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const lines = said.split("\n").filter((text) => text.startsWith("{"));
      const told = lines.map((text) => JSON.parse(text)).find((each) => "ok" in each);
      resolve({ code, signal, hung, errors, told, began: lines.length > 0 });
    });
  });
}

const MERGE = '"$0" "$@"';

/** Counts one run; `allowed` are the codes that it may fail with. */
function judge(place, tally, out, ended, { what, allowed, unpublished = false }) {
  const complain = (why) => tally.complaints.push(`${what}: ${why}`);
  const { told, hung, signal, code, errors } = ended;
  tally.runs++;
  if (hung) tally.hangs++;
  if (told === undefined && !hung) {
    tally.crashes++;
    complain(`crashed: ${signal ?? code} ${errors.slice(0, 300)}`);
  }
  const outcome = unpublished ? "absent" : outcomeOf(out, place.known);
  const leftovers = unpublished ? [] : leftoversOf(out);
  tally[outcome]++;
  if (leftovers.length > 0) tally.leftovers++;
  if (outcome === "torn") complain("torn");
  if (told === undefined) return outcome;
  if (!told.ok) tally.faults++;
  if (told.ok && outcome !== "whole") complain(`said to be done, and is ${outcome}`);
  if (!told.ok && outcome !== "absent") complain(`said to have failed, and is ${outcome}`);
  if (!told.ok && !allowed.includes(told.code)) complain(`failed: ${told.code} ${told.message}`);
  // Where memory is short nothing may be left to remove a stage with; the next merge does.
  const starved = what.startsWith("ulimit -v");
  if (leftovers.length > 0 && !starved) complain(`left ${leftovers.join(", ")}`);
  return outcome;
}

const optionsFor = (out, more = {}) => ({ out, shardSize: SHARD_SIZE, threads: 2, ...more });

/** Whether a private mount of a tmpfs works here: as root, or else in a user namespace. */
function mountPrefix() {
  for (const flags of ["-m", "-rm"]) {
    const { status } = spawnSync("unshare", [flags, "mount", "-t", "tmpfs", "none", "/mnt"]);
    if (status === 0) return ["unshare", flags];
  }
  return undefined;
}

/** A file system of a few KiB, larger each time until the model fits. */
export async function fullDisk(place) {
  const tally = newTally();
  const prefix = mountPrefix();
  const disk = join(place.root, "disk");
  mkdirSync(disk, { recursive: true });
  if (prefix === undefined) throw new Error("no tmpfs can be mounted here, not even by unshare");
  for (const backend of ["native", "reference"]) {
    for (let kib = 4; kib <= 64; kib += 4) {
      const out = join(disk, "out");
      // The mount is private to the process; what it leaves is copied to where it can be seen.
      const seen = join(place.root, "outputs", `${backend}-${kib}`);
      const mount = `mount -t tmpfs -o size=${kib}k none ${disk}`;
      const line = `${mount} && ${MERGE} && mkdir ${seen} && cp -a ${disk}/. ${seen}/`;
      const options = optionsFor(out, { backend });
      const ended = await runMerge(line, { recipe: place.recipe, options, prefix });
      const what = `full disk, ${kib} KiB, ${backend}`;
      judge(place, tally, join(seen, "out"), ended, { what, allowed: ["NO_SPACE"] });
      const others = readdirSync(seen).filter((name) => name !== "out");
      if (others.length > 0) tally.complaints.push(`${what}: left ${others.join(", ")}`);
    }
  }
  return tally;
}

/** Targets, then inputs, on a disk that cannot be written. */
export async function readOnly(place) {
  const tally = newTally();
  const prefix = mountPrefix();
  const disk = join(place.root, "disk");
  mkdirSync(disk, { recursive: true });
  if (prefix === undefined) throw new Error("no tmpfs can be mounted here, not even by unshare");
  const mount = `mount -t tmpfs -o ro none ${disk}`;
  const options = optionsFor(join(disk, "out"));
  const target = await runMerge(`${mount} && ${MERGE}`, { recipe: place.recipe, options, prefix });
  const about = { what: "read-only target", allowed: ["WRITE_FAILED"], unpublished: true };
  judge(place, tally, options.out, target, about);
  const binds = ["a", "b"]
    .map((name) => join(place.root, name))
    .map((folder) => {
      return `mount --bind ${folder} ${folder} && mount -o remount,bind,ro ${folder}`;
    });
  const out = join(place.root, "outputs", "from-read-only");
  const line = [...binds, MERGE].join(" && ");
  const inputs = await runMerge(line, { recipe: place.recipe, options: optionsFor(out), prefix });
  judge(place, tally, out, inputs, { what: "read-only inputs", allowed: [] });
  return tally;
}

/** Files may not grow beyond some blocks of 512 bytes. */
export async function fileSize(place) {
  const tally = newTally();
  for (const backend of ["native", "reference"]) {
    for (const blocks of [0, 1, 2, 3, 4, 5, 6, 7, 8]) {
      const out = join(place.root, "outputs", `${backend}-${blocks}`);
      const options = optionsFor(out, { backend });
      const line = `ulimit -f ${blocks}; ${MERGE}`;
      const ended = await runMerge(line, { recipe: place.recipe, options });
      const allowed = ["NO_SPACE", "WRITE_FAILED"];
      judge(place, tally, out, ended, { what: `ulimit -f ${blocks}, ${backend}`, allowed });
    }
  }
  return tally;
}

/** The least address space, in MiB, with which node itself starts and loads the package. */
async function leastSpace(place) {
  const index = JSON.stringify(join(import.meta.dirname, "../../dist/index.js"));
  for (let mib = 400; mib < 8000; mib += 50) {
    const line = `ulimit -v ${mib * 1024}; "$0" --input-type=module -e 'import * as w from ${index}; w.backendInfo()'`;
    const { status } = spawnSync("sh", ["-c", line, process.execPath], { cwd: place.root });
    if (status === 0) return mib;
  }
  throw new Error("node starts with no address space at all");
}

/** Hardly more address space than node needs to start, then more until inputs can be mapped. */
export async function addressSpace(place) {
  const tally = newTally();
  const least = await leastSpace(place);
  for (let more = 0; more <= 200; more += 25) {
    const out = join(place.root, "outputs", `space-${more}`);
    const line = `ulimit -v ${(least + more) * 1024}; ${MERGE}`;
    const options = optionsFor(out);
    const ended = await runMerge(line, { recipe: place.recipe, options });
    // V8 ends a process that cannot get memory for its heap; no package can prevent that.
    const starved = /out of memory|OOM|Oilpan|Allocation failed/i.test(ended.errors);
    const allowed = ["MEMORY_BUDGET", "BACKEND"];
    if (ended.told === undefined && (starved || !ended.began)) {
      tally.runs++;
      tally.faults++;
      tally[outcomeOf(out, place.known)]++;
      continue;
    }
    judge(place, tally, out, ended, { what: `ulimit -v ${least} + ${more} MiB`, allowed });
  }
  if (tally.whole === 0) tally.complaints.push("ulimit -v: never whole");
  return tally;
}

/** Models of 300 shards with 64 descriptors. */
export async function descriptors(place) {
  const tally = newTally();
  const root = join(place.root, "many");
  mkdirSync(root, { recursive: true });
  const recipe = writeFixture(root, 300);
  const clean = join(root, "clean");
  await merge(recipe, { out: clean, shardSize: SHARD_SIZE });
  const known = { whole: contentOf(clean), old: new Map() };
  for (const more of [{}, { io: "pread" }, { backend: "reference" }]) {
    const out = join(place.root, "outputs", `many-${tally.runs}`);
    const ended = await runMerge(MERGE, {
      recipe,
      options: optionsFor(out, more),
      descriptors: 64,
    });
    judge({ known }, tally, out, ended, {
      what: `ulimit -n 64, ${JSON.stringify(more)}`,
      allowed: [],
    });
  }
  tally.faults = tally.runs;
  rmSync(root, { recursive: true });
  return tally;
}

/** Kills at random times, spread so that some come before the publication and some after it. */
export async function killsAtRandom(place, quick) {
  const tally = newTally();
  const rounds = quick ? 24 : 150;
  const run = async (out, onBegin) => {
    return runMerge(`exec ${MERGE}`, { recipe: place.recipe, options: optionsFor(out), onBegin });
  };
  const started = performance.now();
  let began = started;
  await run(join(place.root, "outputs", "timed"), () => {
    began = performance.now();
  });
  let span = performance.now() - began;
  for (let round = 0; round < rounds; round++) {
    const out = join(place.root, "outputs", `killed-${round}`);
    const delay = Math.random() * span;
    const ended = await run(out, (child) => setTimeout(() => child.kill("SIGKILL"), delay));
    const outcome = outcomeOf(out, place.known);
    tally.runs++;
    tally[outcome]++;
    if (ended.signal === "SIGKILL") tally.faults++;
    if (leftoversOf(out).length > 0) tally.leftovers++;
    if (outcome === "torn") tally.complaints.push(`kill after ${delay} ms: torn`);
    // Towards an even share of both outcomes, however busy the machine is.
    span = Math.max(5, span * (outcome === "whole" ? 0.95 : 1.05));
    if (outcome === "absent") {
      await merge(place.recipe, optionsFor(out));
      if (outcomeOf(out, place.known) !== "whole" || leftoversOf(out).length > 0) {
        tally.complaints.push(`kill after ${delay} ms: not recovered`);
      }
    }
  }
  for (const outcome of ["absent", "whole", "leftovers"]) {
    if (tally[outcome] === 0) tally.complaints.push(`kills at random: ${outcome} never occurred`);
  }
  return tally;
}

/** Two processes that merge into one output at once: one publishes, the other is told why not. */
export async function twoAtOnce(place, quick) {
  const tally = newTally();
  for (let round = 0; round < (quick ? 8 : 100); round++) {
    const out = join(place.root, "outputs", `shared-${round}`);
    const runs = [0, 1].map(() =>
      runMerge(`exec ${MERGE}`, { recipe: place.recipe, options: optionsFor(out) }),
    );
    const told = (await Promise.all(runs)).map((ended) => ended.told ?? { ok: false, ...ended });
    tally.runs++;
    tally[outcomeOf(out, place.known)]++;
    const complain = (why) => tally.complaints.push(`two at once, round ${round}: ${why}`);
    const refused = told.filter(({ ok }) => !ok);
    tally.faults += refused.length;
    if (outcomeOf(out, place.known) !== "whole") complain(outcomeOf(out, place.known));
    if (leftoversOf(out).length > 0) complain(`left ${leftoversOf(out).join(", ")}`);
    if (refused.length !== 1)
      complain(`${refused.length} were refused: ${JSON.stringify(refused)}`);
    for (const { code, message } of refused) {
      if (code !== "OUTPUT_BUSY" && code !== "OUTPUT_EXISTS") complain(`${code} ${message}`);
    }
  }
  return tally;
}

export const LIMITS = [
  { name: "two at once", run: twoAtOnce },
  { name: "killed at random", run: killsAtRandom },
  { name: "full disk", run: fullDisk },
  { name: "read-only disk", run: readOnly },
  { name: "file size limit", run: fileSize },
  { name: "address space limit", run: addressSpace },
  { name: "descriptor limit", run: descriptors },
];
