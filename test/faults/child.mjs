/**
 * Merges again and again under the shim, each time with the fault at a later call, until a run saw
 * none; tells of every run on standard output before and after it. Argument: a Sweep as JSON.
 */
import { cpSync, openSync, readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { merge } from "../../dist/index.js";
import { SHARD_SIZE } from "./models.mjs";

const sweep = JSON.parse(process.argv[2]);
const { root, recipe, options, fault, single, stride } = sweep;

function say(line) {
  // Synchronous, so that a kill right after it does not lose the line.
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function arm(n) {
  try {
    openSync(`/weightloom-fault/${fault.kinds}:${n}:${fault.what}${fault.sticky ? ":sticky" : ""}`);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
}

function disarm() {
  const [calls, fired] = readFileSync("/weightloom-fault/report", "utf8").split(" ").map(Number);
  return { calls, fired };
}

async function attempt(out) {
  try {
    await merge(recipe, { out, shardSize: SHARD_SIZE, threads: 2, ...options });
    return { ok: true };
  } catch (error) {
    return { ok: false, code: error.code ?? error.name, message: String(error.message) };
  }
}

// libuv starts its threads at the first asynchronous call, and gives up where it cannot.
await stat(root);
for (let n = sweep.from; ; n += stride) {
  const out = join(root, "outputs", String(n));
  if (options.overwrite) cpSync(join(root, "old"), out, { recursive: true });
  say({ begins: n });
  arm(n);
  const told = await attempt(out);
  const seen = disarm();
  say({ ends: n, ...told, ...seen });
  if (single || seen.fired === 0) break;
}
