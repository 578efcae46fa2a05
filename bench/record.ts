/** Dated records: what was measured, on which machine, of which commit. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { backendInfo } from "../dist/run/backend.js";
import { version } from "../dist/version.js";
import type { Options } from "./options.ts";
import { RECORDS, ROOT } from "./places.ts";
import type { Result } from "./results.ts";

export interface BenchRecord {
  readonly date: string;
  readonly commit: string;
  readonly version: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly kernel: string;
    readonly node: string;
    readonly targets: readonly string[];
  };
  readonly options: Pick<Options, "size" | "rounds" | "threads" | "io" | "sync">;
  readonly results: readonly Result[];
}

function git(...args: readonly string[]): string {
  return execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).trim();
}

/** The commit, marked when what was measured is not what was committed. */
function commit(): string {
  try {
    const changed = git("status", "--porcelain", "--", "lib", "native") !== "";
    return git("rev-parse", "--short=12", "HEAD") + (changed ? "+changes" : "");
  } catch {
    return "unknown";
  }
}

export function makeRecord(results: readonly Result[], options: Options): BenchRecord {
  const { size, rounds, threads, io, sync } = options;
  return {
    date: new Date().toISOString(),
    commit: commit(),
    version,
    machine: {
      cpu: cpus()[0].model,
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      kernel: release(),
      node: process.version,
      targets: backendInfo().targets,
    },
    options: { size, rounds, threads, io, sync },
    results,
  };
}

/** Writes the record under its date and processor, and returns its path. */
export function keepRecord(record: BenchRecord): string {
  const words = record.machine.cpu.replace(/\([^)]*\)/g, "").match(/[A-Za-z0-9]+/g) ?? ["unknown"];
  const path = join(RECORDS, `${record.date.slice(0, 10)}-${words.join("-").toLowerCase()}.json`);
  mkdirSync(RECORDS, { recursive: true });
  writeFileSync(path, formatRecord(record));
  return path;
}

/** JSON with one line for every result. */
export function formatRecord({ results, ...about }: BenchRecord): string {
  const lines = results.map((each) => `    ${JSON.stringify(each)}`).join(",\n");
  const head = JSON.stringify(about, null, 2).slice(0, -2);
  return `${head},\n  "results": [\n${lines}\n  ]\n}\n`;
}

/** The newest record that has results of a suite. */
export function newestRecord(suite: string): BenchRecord {
  const records = readdirSync(RECORDS)
    .filter((name) => name.endsWith(".json"))
    .map((name) => JSON.parse(readFileSync(join(RECORDS, name), "utf8")) as BenchRecord)
    .filter(({ results }) => results.some((each) => each.suite === suite));
  const newest = records.sort((a, b) => (a.date < b.date ? -1 : 1)).at(-1);
  if (newest === undefined) throw new Error("no record yet: npm run bench -- --record");
  return newest;
}
