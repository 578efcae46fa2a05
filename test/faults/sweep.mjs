/** Runs one fault at one call after another and judges every run. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { merge } from "../../dist/index.js";
import { SHARD_SIZE } from "./models.mjs";
import { leftoversOf, newTally, outcomeOf } from "./outcome.mjs";

/** Longest that a single merge of the tiny model may take, in milliseconds. */
const DEADLINE = 20_000;
const CHILD = join(import.meta.dirname, "child.mjs");

/** Starts the child of a sweep and yields what it tells; ends with how the process ended. */
async function* tell(place, sweep, more = {}) {
  const env = {
    ...process.env,
    ...more,
    LD_PRELOAD: place.shim,
    WL_FAULT_ROOT: `${place.root}/`,
    UV_USE_IO_URING: "0",
  };
  const stdio = ["ignore", "pipe", "pipe"];
  const child = spawn(process.execPath, [CHILD, JSON.stringify(sweep)], { env, stdio });
  const ended = new Promise((resolve) =>
    child.on("close", (code, signal) => resolve({ code, signal })),
  );
  let errors = "";
  let hung = false;
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  let timer;
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      hung = true;
      child.kill("SIGKILL");
    }, DEADLINE);
  };
  watch();
  for await (const line of createInterface({ input: child.stdout })) {
    watch();
    yield JSON.parse(line);
  }
  clearTimeout(timer);
  yield { ...(await ended), hung, errors };
}

function outputOf({ root }, n) {
  return join(root, "outputs", String(n));
}

/** Merges once more without faults; what an interrupted merge left must be gone after it. */
async function recover(place, way, fault, tally, n) {
  const out = outputOf(place, n);
  const complain = (what) =>
    tally.complaints.push(`${way.name}, ${fault.name}, call ${n}: ${what}`);
  try {
    await merge(place.recipe, { out, shardSize: SHARD_SIZE, threads: 2, ...way.options });
    const outcome = outcomeOf(out, place.known);
    if (outcome !== "whole") complain(`${outcome} after another merge`);
    const leftovers = leftoversOf(out);
    if (leftovers.length > 0) complain(`another merge leaves ${leftovers.join(", ")}`);
  } catch (error) {
    complain(`another merge fails: ${error.message}`);
  }
}

/** Judges a run, however it ended; its number if another merge should clear up after it. */
function judge(place, way, fault, tally, { n, told, killed }) {
  const complain = (what) =>
    tally.complaints.push(`${way.name}, ${fault.name}, call ${n}: ${what}`);
  const out = outputOf(place, n);
  const outcome = outcomeOf(out, place.known);
  const leftovers = leftoversOf(out);
  tally.runs++;
  if (killed || told.fired > 0) tally.faults++;
  tally[outcome]++;
  if (leftovers.length > 0) tally.leftovers++;
  if (outcome === "torn") complain("torn");
  const gone = outcome === "absent" && way.options.overwrite === true;
  // Where nothing works any more after the first of two renames, the error has to say so.
  const explained = fault.what === "kill" || (fault.sticky && told?.message?.includes("lies at "));
  if (gone && !(way.gap && explained)) complain("the old model is gone");
  if (told !== undefined) {
    const { ok, code, message, fired } = told;
    if (ok && outcome !== "whole") complain(`said to be done, and is ${outcome}`);
    if (ok && leftovers.length > 0 && fault.expect !== "any")
      complain(`left ${leftovers.join(", ")} though done`);
    if (!ok && !place.codes.has(code)) complain(`an error of no kind: ${code} ${message}`);
    if (fired > 0 && fault.expect === "ok" && !ok) complain(`failed: ${code} ${message}`);
    if (fired > 0 && fault.expect === "error" && ok) complain("not noticed");
    if (fired === 0 && !ok) complain(`failed without a fault: ${code} ${message}`);
  }
  const again = way.options.overwrite || outcome === "absent";
  return again && (killed || leftovers.length > 0) ? [n] : [];
}

/** Why a child ended early, or undefined when it was killed as planned. */
function misfortune(fault, { signal, code, hung, errors }, tally) {
  if (hung) {
    tally.hangs++;
    return "hangs";
  }
  if (fault.what === "kill" && signal === "SIGKILL") return undefined;
  tally.crashes++;
  return `crashed: ${signal ?? code} ${errors.slice(0, 400)}`;
}

/**
 * Sweeps a fault over the calls of a merge until a run saw none. `stride` skips calls, from a
 * first one that the caller varies.
 */
export async function sweep(place, way, fault, { from = 1, stride = 1 } = {}) {
  const tally = newTally();
  for (let n = from, more = true; more; n += stride) {
    const single = fault.alone === true;
    const { recipe, root } = place;
    const order = { root, recipe, options: way.options, fault, single, from: n, stride };
    const unsettled = [];
    let running = false;
    for await (const line of tell(place, order, way.env)) {
      if ("begins" in line) {
        n = line.begins;
        running = true;
      } else if ("ends" in line) {
        running = false;
        more = line.fired > 0;
        unsettled.push(...judge(place, way, fault, tally, { n, told: line }));
      } else if (running) {
        const why = misfortune(fault, line, tally);
        if (why !== undefined)
          tally.complaints.push(`${way.name}, ${fault.name}, call ${n}: ${why}`);
        unsettled.push(...judge(place, way, fault, tally, { n, killed: true }));
      } else if (line.code !== 0) {
        throw new Error(`the child of a sweep failed: ${line.errors}`);
      }
    }
    for (const each of unsettled) await recover(place, way, fault, tally, each);
  }
  return tally;
}
