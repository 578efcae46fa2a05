/** Whole merges in the page cache against plain programs that read and write the same files. */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Bench, Case, Side, Suite } from "../case.ts";
import { Floor } from "../floor/floor.ts";
import { MERGE_RATIO } from "../goals.ts";
import { llama } from "../llama.ts";
import { checkSame, mergeOnce } from "../merging.ts";
import { makeModels } from "../models.ts";
import { modelCount, recipeFor } from "../recipes.ts";

/** Times `cp`, which is what a passthrough should cost. */
function copyBy(program: string, from: string, out: string): Side {
  return () => {
    const started = performance.now();
    execFileSync(program, [from, out]);
    const seconds = (performance.now() - started) / 1000;
    rmSync(out);
    return seconds;
  };
}

function mergeCase(bench: Bench, floor: Floor, method: string, folders: readonly string[]): Case {
  const { threads, io, sync, device } = bench;
  const out = join(bench.folder, "out");
  const plain = join(bench.folder, "plain");
  const recipe = recipeFor(method, folders);
  const files = folders.map((folder) => join(folder, "model.safetensors"));
  const settings = { threads, io, sync, device };
  const plainly = async () => {
    const seconds = await floor.files(files, plain, bench);
    rmSync(plain);
    return seconds;
  };
  // A passthrough is held against the program that everybody would use instead.
  const copies = method === "passthrough" && !sync;
  return {
    name: method,
    sides: {
      merge: async () => (await mergeOnce(recipe, out, settings)).seconds,
      floor: copies ? copyBy("cp", files[0], plain) : plainly,
    },
    figures: [
      { name: "merge", unit: "s", of: ({ merge }) => merge },
      { name: copies ? "cp" : "floor", unit: "s", of: (round) => round.floor },
      {
        name: "ratio",
        unit: "×",
        of: (round) => round.merge / round.floor,
        goal: MERGE_RATIO[method],
      },
    ],
    // Of the CPU with one more thread, whatever is measured.
    check: () => {
      return checkSame(recipe, out, [settings, { threads: threads + 1, io, sync }]);
    },
  };
}

export const merges: Suite = {
  name: "merges",
  about: "whole merges, against reading every input and writing the output",
  *cases(bench) {
    const models = makeModels(bench.folder, llama(bench.size), 3);
    const floor = new Floor();
    try {
      for (const method of bench.methods) {
        yield mergeCase(bench, floor, method, models.slice(0, modelCount(method)));
      }
    } finally {
      floor.close();
    }
  },
};
