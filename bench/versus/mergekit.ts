/** The same recipes by mergekit, where MERGEKIT_PYTHON names a Python that has it. */
import { spawn, spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench, Case, Suite } from "../case.ts";
import { ended, startMerge } from "../command.ts";
import { MERGEKIT_SPEEDUP } from "../goals.ts";
import { llama } from "../llama.ts";
import { makeModels } from "../models.ts";
import { modelCount, recipeFor } from "../recipes.ts";
import { type Difference, differenceOf } from "./difference.ts";

/** The entry point of `mergekit-yaml`, whether or not its script is on the path. */
const ENTRY = "from mergekit.scripts.run_yaml import main; main()";

/** A difference between bf16 weights of this size that rounding does not explain. */
const FAR = 0.01;

/**
 * How many of a million may differ by more: della ranks with torch's sort, which leaves the order
 * of equal magnitudes open, so that a few of them get another's keep probability.
 */
const MOST_FAR: Readonly<Record<string, number>> = { della: 1000, della_linear: 1000 };

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

function versusCase(
  bench: Bench,
  python: string,
  method: string,
  folders: readonly string[],
): Case {
  const recipe = join(bench.folder, `${method}.yml`);
  writeFileSync(recipe, JSON.stringify(recipeFor(method, folders)));
  const [ours, theirs] = ["ours", "theirs"].map((name) => join(bench.folder, name));
  const threads = ["--num-threads", String(bench.threads)];
  // Both sides know the option.
  const device = bench.device === "cuda" ? ["--cuda"] : [];
  const plain = [...device, "--no-copy-tokenizer", "--no-write-model-card", "--random-seed", "0"];
  const merging = (...options: string[]) => {
    const child = startMerge(recipe, ours, ...plain, ...threads, ...options);
    child.stderr?.resume();
    return ended(child);
  };
  const mergekit = () => {
    rmSync(theirs, { recursive: true, force: true });
    const args = ["-c", ENTRY, recipe, theirs, ...plain, ...threads];
    return ended(spawn(python, args, { stdio: "ignore" }));
  };
  let difference: Difference = { largest: Number.NaN, share: Number.NaN };
  return {
    name: method,
    sides: {
      ours: () => timed(() => merging(bench.sync ? "--sync" : "--no-sync")),
      mergekit: () => timed(mergekit),
    },
    figures: [
      { name: "weightloom", unit: "s", of: (round) => round.ours },
      { name: "mergekit", unit: "s", of: (round) => round.mergekit },
      {
        name: "speed-up",
        unit: "×",
        of: (round) => round.mergekit / round.ours,
        goal: MERGEKIT_SPEEDUP[method],
      },
      { name: "largest difference", unit: "", of: () => difference.largest },
      { name: "beyond 0.01", unit: "of 10⁶", of: () => difference.share * 1e6 },
    ],
    check: async () => {
      // With mergekit's random numbers, so that the masks are the same.
      await merging("--random", "torch-cpu");
      await mergekit();
      difference = differenceOf(ours, theirs, FAR);
      if (difference.share * 1e6 > (MOST_FAR[method] ?? 0)) {
        const found = `${difference.largest}, ${difference.share * 1e6} of a million by more than ${FAR}`;
        throw new Error(`${method} differs from mergekit by up to ${found}`);
      }
    },
  };
}

export const versus: Suite = {
  name: "versus",
  about: "whole commands against mergekit",
  *cases(bench) {
    const python = process.env.MERGEKIT_PYTHON;
    const found = python !== undefined && spawnSync(python, ["-c", "import mergekit"]).status === 0;
    if (!found) {
      console.log("  left out: MERGEKIT_PYTHON names no Python that has mergekit");
      return;
    }
    const models = makeModels(bench.folder, llama(bench.size), 3);
    for (const method of bench.methods) {
      yield versusCase(bench, python, method, models.slice(0, modelCount(method)));
    }
  },
};
