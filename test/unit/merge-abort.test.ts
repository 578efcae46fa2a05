/** Merges of 200 MB: cancelled on the way, or with an input that changes under them. */
import { readdirSync, truncateSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type MergeOptions, merge, type Progress } from "../../lib/merge.ts";
import type { RecipeObject } from "../../lib/recipe-object.ts";
import { listTree, makeSparse, refusal, type Tensors, useFolder } from "../make.ts";
import { askOften } from "../ticks.ts";

const folder = useFolder("abort");
const out = join(folder, "out");
const MODELS = ["base", "a", "b"] as const;
const MEAN: RecipeObject = {
  merge_method: "linear",
  models: MODELS.map((name) => ({ model: join(folder, name) })),
  parameters: { weight: 1 },
};
const TIES: RecipeObject = {
  ...MEAN,
  merge_method: "ties",
  base_model: join(folder, "base"),
  parameters: { weight: 1, density: 0.5 },
};

const TENSORS: Tensors = Object.fromEntries(
  Array.from({ length: 12 }, (_, layer) => {
    return [`model.layers.${layer}.w`, { dtype: "BF16", shape: [2048, 4096] }];
  }),
);
beforeAll(() => {
  for (const name of MODELS) makeSparse(join(folder, name), TENSORS);
});

interface Case {
  recipe: RecipeObject;
  options: Partial<MergeOptions>;
  /** Of the output that is done when the merge is aborted. */
  share: number;
  /** In milliseconds. */
  bound: number;
}

/** Milliseconds from the abort until the merge has rejected, with nothing left behind. */
async function timeToReject({ recipe, options, share }: Case): Promise<number> {
  const abort = new AbortController();
  let aborted = 0;
  const onProgress = ({ bytesDone, bytesTotal }: Progress) => {
    if (aborted !== 0 || bytesDone < share * bytesTotal) return;
    aborted = performance.now();
    abort.abort();
  };
  const before = listTree(folder);
  const all = { out, onProgress, signal: abort.signal, ...options };
  const error = await refusal(() => merge(recipe, all));
  const took = performance.now() - aborted;
  expect(error).toMatchObject({ code: "ABORTED", name: "AbortError" });
  // A large stage is removed in the background, after the promise has rejected.
  await expect.poll(() => listTree(folder), { timeout: 20_000 }).toEqual(before);
  return took;
}

describe("an abort on the way", () => {
  const CASES: Case[] = [
    { recipe: TIES, options: {}, share: 0, bound: 50 },
    { recipe: TIES, options: { threads: 1 }, share: 0.1, bound: 50 },
    { recipe: MEAN, options: {}, share: 0.2, bound: 50 },
    { recipe: MEAN, options: { io: "pread", threads: 7 }, share: 0.4, bound: 50 },
    { recipe: MEAN, options: { backend: "reference" }, share: 0, bound: 250 },
    { recipe: TIES, options: { backend: "reference" }, share: 0, bound: 250 },
  ];
  test.each(CASES)(
    "of $recipe.merge_method at $share, $options: rejects within $bound ms",
    async (each) => {
      // The best of a few tries, because others use this machine too.
      let best = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 20 && best >= each.bound; i++) {
        best = Math.min(best, await timeToReject(each));
        await new Promise((resolve) => setTimeout(resolve, 20 * i));
      }
      expect(best).toBeLessThan(each.bound);
    },
  );

  test("lets the same merge run afterwards, though it has the same stage", async () => {
    const where = join(folder, "after");
    await timeToReject({ recipe: MEAN, options: { out: where }, share: 0, bound: 50 });
    await merge(MEAN, { out: where, sync: false });
    expect(readdirSync(where)).toContain("model.safetensors");
  });
});

test("progress of the native backend is told on the way, and never goes back", async () => {
  const done: number[] = [];
  const onProgress = ({ bytesDone }: Progress) => done.push(bytesDone);
  askOften();
  await merge(TIES, { out: join(folder, "progress"), sync: false, threads: 1, onProgress });
  expect(done.length).toBeGreaterThan(2);
  expect(done).toEqual([...done].sort((x, y) => x - y));
  expect(done.at(-1)).toBe(12 * 2048 * 4096 * 2);
});

let seconds = 1;
test.each(["mmap", "pread"] as const)(
  "an input touched during the run is noticed: %s",
  async (io) => {
    const path = join(folder, "b/model.safetensors");
    const onProgress = () => utimesSync(path, seconds, seconds++);
    const error = await refusal(() => merge(MEAN, { out, io, sync: false, onProgress }));
    expect(error.code).toBe("INPUT_CHANGED");
    expect(error.message).toContain(path);
    expect(readdirSync(folder).filter((name) => name.startsWith("out"))).toEqual([]);
  },
);

test("an input truncated during the run is noticed by reads, which end early", async () => {
  const cut = makeSparse(join(folder, "cut"), TENSORS);
  const path = join(cut, "model.safetensors");
  const models = [...MODELS.map((name) => ({ model: join(folder, name) })), { model: cut }];
  const onProgress = () => truncateSync(path, 1000);
  askOften();
  const options = { out, io: "pread", threads: 1, onProgress } as const;
  const error = await refusal(() => merge({ ...MEAN, models }, options));
  expect(error.code).toBe("INPUT_CHANGED");
  expect(error.message).toContain(path);
  expect(readdirSync(folder).filter((name) => name.startsWith("out"))).toEqual([]);
});
