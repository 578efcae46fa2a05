/** Whole merges to a folder that is gone afterwards, and what they left in their manifest. */
import { deepStrictEqual } from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type MergeOptions, merge } from "../dist/merge.js";
import type { RecipeObject } from "../dist/recipe-object.js";

export type MergeSettings = Omit<MergeOptions, "out">;

interface Merged {
  seconds: number;
  /** Description of every tensor, its digest included. */
  tensors: unknown;
}

/** Merges into `out`, which is removed before and after, outside of the time taken. */
export async function mergeOnce(
  recipe: RecipeObject,
  out: string,
  settings: MergeSettings,
): Promise<Merged> {
  rmSync(out, { recursive: true, force: true });
  try {
    const started = performance.now();
    await merge(recipe, { ...settings, out });
    const seconds = (performance.now() - started) / 1000;
    const manifest = readFileSync(join(out, "weightloom.manifest.json"), "utf8");
    return { seconds, tensors: JSON.parse(manifest).tensors };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** Insists that all these settings make the same tensors. */
export async function checkSame(
  recipe: RecipeObject,
  out: string,
  all: readonly MergeSettings[],
): Promise<void> {
  let first: unknown;
  for (const settings of all) {
    const { tensors } = await mergeOnce(recipe, out, settings);
    first ??= tensors;
    deepStrictEqual(tensors, first, `${recipe.merge_method}: ${JSON.stringify(settings)}`);
  }
}
