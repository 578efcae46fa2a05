import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { merge } from "../../lib/merge.ts";
import { type Progress, watch } from "../../lib/progress.ts";
import { makeModel, useFolder } from "../make.ts";

const folder = useFolder("progress");
const progress = (bytesDone: number): Progress => ({ bytesDone, bytesTotal: 3, tensor: "w" });
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("watch", () => {
  test("yields the newest progress each time, the last always, and then ends", async () => {
    const run = watch(async (tell) => {
      await turn();
      tell(progress(1));
      await turn();
      tell(progress(2));
      tell(progress(3));
      return "done";
    }, undefined);
    const seen: number[] = [];
    for await (const { bytesDone } of run) seen.push(bytesDone);
    expect(seen).toEqual([1, 3]);
    expect(await run).toBe("done");
  });

  test("begins with what was told before", async () => {
    const run = watch(async (tell) => tell(progress(2)), undefined);
    const seen: number[] = [];
    for await (const { bytesDone } of run) seen.push(bytesDone);
    expect(seen).toEqual([2]);
  });

  test("tells several loops, and one that starts after the end ends", async () => {
    const run = watch(async (tell) => {
      await turn();
      tell(progress(1));
      await turn();
    }, undefined);
    const loop = async () => {
      const seen: number[] = [];
      for await (const { bytesDone } of run) seen.push(bytesDone);
      return seen;
    };
    expect(await Promise.all([loop(), loop()])).toEqual([[1], [1]]);
    expect((await loop()).length).toBeLessThan(2);
  });

  test("throws in the loop what the work throws, without an unhandled rejection", async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on("unhandledRejection", note);
    const run = watch(async () => {
      await turn();
      throw new Error("it failed");
    }, undefined);
    await expect(async () => {
      for await (const _ of run) void _;
    }).rejects.toThrow("it failed");
    await turn();
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });

  test("goes on when a loop is left", async () => {
    const run = watch(async (tell) => {
      await turn();
      tell(progress(1));
      await turn();
      tell(progress(2));
      return 7;
    }, undefined);
    for await (const _ of run) break;
    expect(await run).toBe(7);
  });
});

describe("a merge", () => {
  const model = makeModel(join(folder, "model"), { w: { dtype: "F32", shape: [300_000] } });
  const recipe = { merge_method: "passthrough", models: [{ model }], dtype: "bfloat16" } as const;

  test.each(["auto", "reference"] as const)(
    "is iterated over up to its end (%s)",
    async (backend) => {
      const run = merge(recipe, { out: join(folder, backend), backend });
      let last: Progress | undefined;
      for await (const each of run) last = each;
      expect(last).toEqual({ bytesDone: 600_000, bytesTotal: 600_000, tensor: "w" });
      expect((await run).out).toBe(join(folder, backend));
    },
  );

  test("calls onProgress as well, whose exception cancels it", async () => {
    const out = join(folder, "thrown");
    const run = merge(recipe, {
      out,
      onProgress: () => {
        throw new RangeError("enough");
      },
    });
    await expect(async () => {
      for await (const _ of run) void _;
    }).rejects.toThrow("enough");
    expect(existsSync(out)).toBe(false);
  });
});
