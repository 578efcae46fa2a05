/** Whole merges by number of threads, by size and by number of models. */
import { join } from "node:path";
import type { Bench, Case, Suite } from "../case.ts";
import { THREADS_SPEEDUP } from "../goals.ts";
import { llama } from "../llama.ts";
import { checkSame, mergeOnce } from "../merging.ts";
import { makeModels } from "../models.ts";
import { modelCount, recipeFor } from "../recipes.ts";

function threadsCase(bench: Bench, method: string, folders: readonly string[]): Case {
  const { io, sync } = bench;
  const out = join(bench.folder, "out");
  const recipe = recipeFor(method, folders.slice(0, modelCount(method)));
  const on = (threads: number) => async () => {
    return (await mergeOnce(recipe, out, { io, sync, threads })).seconds;
  };
  return {
    name: `threads ${method}`,
    sides: { one: on(1), two: on(2) },
    figures: [
      { name: "one thread", unit: "s", of: ({ one }) => one },
      { name: "two threads", unit: "s", of: ({ two }) => two },
      {
        name: "speed-up",
        unit: "×",
        of: ({ one, two }) => one / two,
        goal: THREADS_SPEEDUP[method],
      },
    ],
    check: () =>
      checkSame(
        recipe,
        out,
        [1, 2].map((threads) => ({ io, sync, threads })),
      ),
  };
}

/** Nanoseconds for an output element, which should not depend on how many there are. */
function sizeCase(bench: Bench, method: string, size: number): Case {
  const { threads, io, sync } = bench;
  const out = join(bench.folder, "out");
  const folders = makeModels(join(bench.folder, `size-${size}`), llama(size), 3);
  const recipe = recipeFor(method, folders.slice(0, modelCount(method)));
  const settings = { threads, io, sync };
  return {
    name: `size ${method} ${(size / 1e6).toFixed(0)} MB`,
    sides: { merge: async () => (await mergeOnce(recipe, out, settings)).seconds },
    figures: [
      { name: "merge", unit: "s", of: ({ merge }) => merge },
      { name: "element", unit: "ns", of: ({ merge }) => (merge * 1e9) / (size / 2) },
    ],
    check: () => checkSame(recipe, out, [settings, settings]),
  };
}

/** Nanoseconds for an input element, which should fall towards those of reading. */
function modelsCase(bench: Bench, method: string, folders: readonly string[], size: number): Case {
  const { threads, io, sync } = bench;
  const out = join(bench.folder, "out");
  const recipe = recipeFor(method, folders);
  const settings = { threads, io, sync };
  const elements = (folders.length * size) / 2;
  return {
    name: `models ${method} ${folders.length}`,
    sides: { merge: async () => (await mergeOnce(recipe, out, settings)).seconds },
    figures: [
      { name: "merge", unit: "s", of: ({ merge }) => merge },
      { name: "input element", unit: "ns", of: ({ merge }) => (merge * 1e9) / elements },
    ],
    check: () => checkSame(recipe, out, [settings, settings]),
  };
}

/** Stand for what streams and for what selects. */
const SAMPLES = ["linear", "ties"];

export const scaling: Suite = {
  name: "scaling",
  about: "whole merges by threads, size and number of models",
  *cases(bench) {
    const { folder, size, methods } = bench;
    const models = makeModels(folder, llama(size), 3);
    for (const method of methods) yield threadsCase(bench, method, models);
    const samples = SAMPLES.filter((name) => methods.includes(name));
    for (const method of samples) {
      for (const part of [16, 4, 1]) yield sizeCase(bench, method, size / part);
    }
    const quarter = makeModels(join(folder, "many"), llama(size / 4), 9);
    for (const method of samples) {
      for (const count of [2, 3, 5, 9]) {
        yield modelsCase(bench, method, quarter.slice(0, count), size / 4);
      }
    }
  },
};
