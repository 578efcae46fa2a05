/** What a merge left at its target and beside it. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** The files of a folder by name. @returns {Map<string, Buffer>} */
export function contentOf(folder) {
  const names = readdirSync(folder, { recursive: true }).map(String).sort();
  const files = names.filter((name) => statSync(join(folder, name)).isFile());
  return new Map(files.map((name) => [name, readFileSync(join(folder, name))]));
}

function equal(left, right) {
  if (left.size !== right.size) return false;
  return [...left].every(([name, bytes]) => right.get(name)?.equals(bytes) === true);
}

/**
 * "absent", "whole" (the new model), "old" (the one that lay there before) or "torn".
 * @param {string} out
 * @param {{whole: Map<string, Buffer>, old: Map<string, Buffer>}} known
 */
export function outcomeOf(out, { whole, old }) {
  if (!existsSync(out)) return "absent";
  const found = contentOf(out);
  if (equal(found, whole)) return "whole";
  return equal(found, old) ? "old" : "torn";
}

/** Names beside the target that a merge into it has left. */
export function leftoversOf(out) {
  return readdirSync(dirname(out)).filter((name) => name.startsWith(`${basename(out)}.`));
}

/**
 * What became of the runs of one fault.
 * @returns counts of everything the table shows, and `complaints` in words
 */
export function newTally() {
  return {
    runs: 0,
    faults: 0,
    absent: 0,
    whole: 0,
    old: 0,
    leftovers: 0,
    torn: 0,
    crashes: 0,
    hangs: 0,
    complaints: [],
  };
}
