/** `npm run bench`: plays the cases of all suites, prints what they gave, and keeps it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Suite } from "./case.ts";
import { HELP, type Options, readOptions } from "./options.ts";
import { formatRecord, keepRecord, makeRecord } from "./record.ts";
import { formatLine, formatResults, type Result, resultsOf } from "./results.ts";
import { playCase } from "./rounds.ts";
import { SUITES } from "./suites/index.ts";

async function playSuite(suite: Suite, options: Options, folder: string): Promise<Result[]> {
  const results: Result[] = [];
  for await (const each of suite.cases({ ...options, folder })) {
    const rounds = await playCase(suite.name, each, options.rounds);
    const found = resultsOf(suite.name, each, rounds);
    console.log(`  ${formatLine(found)}`);
    results.push(...found);
  }
  return results;
}

async function playAll(options: Options): Promise<Result[]> {
  const folder = mkdtempSync(join(options.folder, "weightloom-bench-"));
  const results: Result[] = [];
  try {
    for (const suite of SUITES.filter(({ name }) => options.suites.includes(name))) {
      console.log(`\n${suite.name}: ${suite.about}`);
      results.push(...(await playSuite(suite, options, folder)));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return results;
}

function keep(results: readonly Result[], options: Options): void {
  const record = makeRecord(results, options);
  if (options.json !== undefined) writeFileSync(options.json, formatRecord(record));
  if (options.record) console.log(`\nkept in ${keepRecord(record)}`);
}

const options = readOptions(
  process.argv.slice(2),
  SUITES.map(({ name }) => name),
);
if (options === undefined) {
  console.log(HELP);
} else {
  const results = await playAll(options);
  console.log(`\n${formatResults(results)}`);
  keep(results, options);
}
