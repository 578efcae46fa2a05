/**
 * Fuzzes the readers of text, and, where Clang is, the native engine by libFuzzer with the address
 * and undefined-behaviour sanitizers.
 *
 *   npm run test:fuzz                        ten seconds each
 *   npm run test:fuzz -- --seconds 3600
 *   npm run test:fuzz -- --only wire
 *   npm run test:fuzz -- --seed 1            the same tries each time, as far as the time goes
 *
 * Exits with 1 on any finding; what to make of one: a named test, then the repair.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as header from "./header.mjs";
import { Chance } from "./mutate.mjs";
import * as yaml from "./yaml.mjs";

const root = join(import.meta.dirname, "../..");
const { values: flags } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    seed: { type: "string", default: String(Date.now()) },
    only: { type: "string", default: "" },
    native: { type: "boolean", default: true },
  },
  allowNegative: true,
});
const seconds = Number(flags.seconds);

/** Tries until the time is up; the first few findings in words. */
function fuzzText(name, { attempt }) {
  const row = { fuzzer: name, runs: 0, accepted: 0, coverage: undefined, findings: 0 };
  const until = performance.now() + seconds * 1000;
  for (let seed = BigInt(flags.seed); performance.now() < until; seed++) {
    row.runs++;
    try {
      if (attempt(new Chance(seed))) row.accepted++;
    } catch (error) {
      if (row.findings++ < 3) console.error(`${name}, seed ${seed}: ${error.stack}`);
    }
  }
  return row;
}

const build = join(root, "build-fuzz");

function clang() {
  const names = [process.env.CLANGXX, "clang++", "clang++-16", "clang++-14"].filter(Boolean);
  return names.find((name) => spawnSync(name, ["--version"]).status === 0);
}

function run(program, args, env = {}) {
  const { status, error } = spawnSync(program, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? status}`);
}

function buildNative(compiler) {
  const ninja = spawnSync("ninja", ["--version"]).status === 0 ? ["-G", "Ninja"] : [];
  const options = ["-DWEIGHTLOOM_FUZZ=ON", "-DWEIGHTLOOM_SANITIZE=address,undefined"];
  run("cmake", ["-S", ".", "-B", build, ...ninja, ...options], { CXX: compiler });
  run("cmake", ["--build", build, "--parallel", "2"]);
  return readdirSync(build).filter((name) => name.endsWith("_fuzz"));
}

/** What a fuzzer finds stays in build-fuzz/ as found-NAME-*. */
function fuzzNative(name) {
  const corpus = join(build, "corpus", name);
  mkdirSync(corpus, { recursive: true });
  const limits = ["-timeout=30", "-rss_limit_mb=2048", `-max_total_time=${seconds}`];
  const found = `-artifact_prefix=${join(build, `found-${name}-`)}`;
  const seed = `-seed=${(Number(flags.seed) % 2 ** 31) + 1}`;
  const args = [...limits, found, seed, "-print_final_stats=1", corpus];
  const { status, stderr } = spawnSync(join(build, name), args, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: (seconds + 120) * 1000,
  });
  if (status !== 0) console.error(stderr.slice(-4000));
  const runs = Number(/number_of_executed_units: (\d+)/.exec(stderr)?.[1] ?? 0);
  const coverage = Number([...stderr.matchAll(/cov: (\d+)/g)].at(-1)?.[1] ?? 0);
  return { fuzzer: name, runs, accepted: undefined, coverage, findings: status === 0 ? 0 : 1 };
}

const rows = [];
const wanted = (name) => name.includes(flags.only);
if (wanted("header")) rows.push(fuzzText("header", header));
if (wanted("yaml")) rows.push(fuzzText("yaml", yaml));
const compiler = flags.native ? clang() : undefined;
if (compiler !== undefined) {
  for (const name of buildNative(compiler)) if (wanted(name)) rows.push(fuzzNative(name));
} else if (flags.native) {
  console.error("no Clang was found: the native fuzzers are left out (--no-native says so)");
  process.exitCode = 1;
}
console.log(`seed ${flags.seed}, ${seconds} s each`);
console.table(rows);
const idle = rows.filter(({ runs }) => runs === 0);
if (rows.length === 0 || idle.length > 0 || rows.some(({ findings }) => findings > 0)) {
  process.exitCode = 1;
}
