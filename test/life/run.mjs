/**
 * Ends processes and workers with work pending, collects garbage under it, and calls the addon with
 * whatever JavaScript can make; prints a table.
 *
 *   npm run test:life                    500 rounds and more
 *   npm run test:life -- --quick         a tenth of them
 *   npm run test:life -- --only raw --seed 7
 *
 * Exits with 1 on any crash, hang, or wrong result.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});

/** `rounds` in all, `each` in one process, which may end as `codes` and `signals` say. */
const SCENARIOS = [
  { name: "terminate", rounds: 100, each: 10 },
  { name: "exit", rounds: 100, each: 1, codes: [0, 1, 7], signals: ["SIGTERM"] },
  { name: "abort", rounds: 150, each: 30 },
  { name: "collect", rounds: 60, each: 20, args: ["--expose-gc"] },
  { name: "buffers", rounds: 100, each: 25, args: ["--expose-gc"] },
  { name: "raw", rounds: 4000, each: 400, args: ["--expose-gc"] },
];

/** Longest that one process may take, in milliseconds. */
const DEADLINE = 120_000;

function runOne({ name, each, args = [] }, seed) {
  const script = join(import.meta.dirname, `${name}.mjs`);
  const child = spawn(process.execPath, [...args, script, String(each), String(seed)]);
  let [errors, hung] = ["", false];
  const timer = setTimeout(() => {
    hung = true;
    child.kill("SIGKILL");
  }, DEADLINE);
  child.stdout.resume();
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, hung, errors });
    });
  });
}

/** Why a process ended as it should not have, or undefined. */
function faultOf({ codes = [0], signals = [] }, { code, signal, hung, errors }) {
  if (hung) return "hang";
  if (signal !== null) return signals.includes(signal) ? undefined : "crash";
  if (codes.includes(code) && !(code === 1 && !errors.includes("on purpose"))) return undefined;
  return "wrong";
}

async function runScenario(scenario, complaints) {
  const started = performance.now();
  const row = { scenario: scenario.name, rounds: 0, crash: 0, hang: 0, wrong: 0, seconds: 0 };
  const rounds = flags.quick ? Math.ceil(scenario.rounds / 10) : scenario.rounds;
  const each = Math.min(scenario.each, rounds);
  for (let seed = Number(flags.seed); row.rounds < rounds; seed++) {
    const ended = await runOne({ ...scenario, each }, seed);
    row.rounds += each;
    const fault = faultOf(scenario, ended);
    if (fault === undefined) continue;
    row[fault]++;
    const how = `${ended.signal ?? ended.code} ${ended.errors.slice(0, 1500)}`;
    complaints.push(`${scenario.name}, seed ${seed}: ${fault}: ${how}`);
  }
  row.seconds = Math.round((performance.now() - started) / 100) / 10;
  return row;
}

const complaints = [];
const rows = [];
for (const scenario of SCENARIOS) {
  if (scenario.name.includes(flags.only)) rows.push(await runScenario(scenario, complaints));
}
console.log(`seed ${flags.seed}`);
console.table(rows);
for (const each of complaints) console.error(each);
process.exitCode = complaints.length > 0 || rows.length === 0 ? 1 : 0;
