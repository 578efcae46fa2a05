/** The native engine against the TypeScript reference, which makes the same bytes. */
import { join } from "node:path";
import type { Bench, Case, Suite } from "../case.ts";
import { llama } from "../llama.ts";
import { checkSame, mergeOnce } from "../merging.ts";
import { makeModels } from "../models.ts";
import { modelCount, recipeFor } from "../recipes.ts";

/** The reference takes microseconds where the engine takes nanoseconds. */
const SMALLER = 16;

function referenceCase(bench: Bench, method: string, folders: readonly string[]): Case {
  const { threads, io, sync } = bench;
  const out = join(bench.folder, "out");
  const recipe = recipeFor(method, folders);
  const native = { threads, io, sync, backend: "native" } as const;
  const reference = { ...native, backend: "reference" } as const;
  return {
    name: method,
    sides: {
      native: async () => (await mergeOnce(recipe, out, native)).seconds,
      reference: async () => (await mergeOnce(recipe, out, reference)).seconds,
    },
    figures: [
      { name: "native", unit: "s", of: (round) => round.native },
      { name: "reference", unit: "s", of: (round) => round.reference },
      { name: "speed-up", unit: "×", of: (round) => round.reference / round.native },
    ],
    check: () => checkSame(recipe, out, [native, reference]),
  };
}

export const reference: Suite = {
  name: "reference",
  about: `whole merges of models ${SMALLER} times smaller, against the TypeScript reference`,
  *cases(bench) {
    const models = makeModels(join(bench.folder, "small"), llama(bench.size / SMALLER), 3);
    for (const method of bench.methods) {
      yield referenceCase(bench, method, models.slice(0, modelCount(method)));
    }
  },
};
