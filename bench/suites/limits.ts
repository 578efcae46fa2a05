/** What has a bound of its own: memory, planning, small tensors, and the start of the command. */
import { deepStrictEqual } from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { plan } from "../../dist/index.js";
import type { Bench, Case, Suite } from "../case.ts";
import { emptyNode, firstLine, peakAnonymous, startMerge } from "../command.ts";
import {
  FIRST_LINE_SECONDS,
  PEAK_MIB,
  PLAN_GROWTH,
  PLAN_SECONDS,
  SMALL_TENSORS_MBS,
} from "../goals.ts";
import { layerTensors, llama, type TensorShape } from "../llama.ts";
import { checkSame, mergeOnce } from "../merging.ts";
import { makeModels, makeSparse } from "../models.ts";
import { modelCount, recipeFor } from "../recipes.ts";

/** A recipe file; JSON is YAML. */
function writeRecipe(bench: Bench, method: string, folders: readonly string[]): string {
  const path = join(bench.folder, `${method}.yml`);
  writeFileSync(path, JSON.stringify(recipeFor(method, folders)));
  return path;
}

function startCase(bench: Bench, folders: readonly string[]): Case {
  const recipe = writeRecipe(bench, "linear", folders);
  const out = join(bench.folder, "out");
  const merging = () => startMerge(recipe, out, "--no-sync");
  return {
    name: "command start",
    sides: { command: () => firstLine(merging), node: emptyNode },
    figures: [
      { name: "first line", unit: "s", of: ({ command }) => command },
      {
        name: "beyond node -e 0",
        unit: "s",
        of: ({ command, node }) => command - node,
        goal: FIRST_LINE_SECONDS,
      },
    ],
    check: async () => {
      await firstLine(merging);
    },
  };
}

function memoryCase(bench: Bench, method: string, folders: readonly string[]): Case {
  const recipe = writeRecipe(bench, method, folders.slice(0, modelCount(method)));
  const out = join(bench.folder, "out");
  const threads = String(bench.threads);
  const peak = () => peakAnonymous(startMerge(recipe, out, "--no-sync", "-j", threads));
  return {
    name: `memory ${method}`,
    sides: { peak },
    figures: [{ name: "anonymous", unit: "MiB", of: (round) => round.peak, goal: PEAK_MIB }],
    check: () => {},
    rounds: Math.min(bench.rounds, 3),
  };
}

/** Layers of tiny tensors, in about as many files as are wanted. */
function manyTensors(count: number, shards: number): TensorShape[][] {
  const layers = Math.ceil(count / 9);
  const all = Array.from({ length: layers }, (_, layer) => layerTensors(layer, 8, 16)).flat();
  const kept = all.slice(0, count);
  const each = Math.ceil(count / shards);
  return Array.from({ length: shards }, (_, i) => kept.slice(i * each, (i + 1) * each));
}

function planningCase(bench: Bench, most: number): Case {
  const counts = [most / 4, most / 2, most];
  const recipes = counts.map((count) => {
    const shards = manyTensors(count, 100);
    const folders = [0, 1, 2].map((model) => {
      return makeSparse(join(bench.folder, `plan-${count}-${model}`), shards);
    });
    return recipeFor("linear", folders);
  });
  const planning = async (at: number) => {
    const started = performance.now();
    const { steps } = await plan(recipes[at]);
    const seconds = (performance.now() - started) / 1000;
    deepStrictEqual(steps.length, counts[at]);
    return seconds;
  };
  return {
    name: `planning ${most} tensors`,
    sides: { quarter: () => planning(0), half: () => planning(1), whole: () => planning(2) },
    figures: [
      { name: "a quarter", unit: "s", of: ({ quarter }) => quarter },
      { name: "a half", unit: "s", of: ({ half }) => half },
      { name: "all", unit: "s", of: ({ whole }) => whole, goal: PLAN_SECONDS },
      {
        name: "growth beyond linear",
        unit: "×",
        of: ({ quarter, whole }) => whole / (4 * quarter),
        goal: PLAN_GROWTH,
      },
    ],
    check: async () => {
      await planning(2);
    },
  };
}

/** A model of tensors of 1 KB each. */
function smallTensorsCase(bench: Bench, count: number): Case {
  const tensors = Array.from({ length: count }, (_, i) => {
    return { name: `model.layers.${i}.input_layernorm.weight`, shape: [512] };
  });
  const folder = join(bench.folder, "tiny");
  const folders = makeModels(folder, { tensors, config: {} }, 3);
  const out = join(bench.folder, "out");
  const recipe = recipeFor("linear", folders);
  const { threads, io, sync } = bench;
  const settings = { threads, io, sync };
  const megabytes = (count * 1024) / 1e6;
  return {
    name: `${count} tensors of 1 KB`,
    sides: {
      whole: async () => (await mergeOnce(recipe, out, settings)).seconds,
      planning: async () => {
        const started = performance.now();
        await plan(recipe);
        return (performance.now() - started) / 1000;
      },
    },
    figures: [
      { name: "whole merge", unit: "s", of: ({ whole }) => whole },
      { name: "its planning", unit: "s", of: ({ planning }) => planning },
      {
        name: "merging",
        unit: "MB/s",
        of: ({ whole, planning }) => megabytes / (whole - planning),
        goal: SMALL_TENSORS_MBS,
      },
    ],
    check: () => checkSame(recipe, out, [settings, { ...settings, threads: 1 }]),
  };
}

export const limits: Suite = {
  name: "limits",
  about: "memory, planning, small tensors, start of the command",
  *cases(bench) {
    const small = bench.size < 1e6;
    const models = makeModels(bench.folder, llama(bench.size), 3);
    yield startCase(bench, models);
    yield smallTensorsCase(bench, small ? 1000 : 10_000);
    yield planningCase(bench, small ? 4000 : 100_000);
    for (const method of bench.methods) yield memoryCase(bench, method, models);
    rmSync(join(bench.folder, "out"), { recursive: true, force: true });
  },
};
