/** What becomes of a record whose shard cannot be digested again. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MergeError } from "../../../lib/errors.ts";
import { writeRecord } from "../../../lib/run/journal.ts";
import type { Stage } from "../../../lib/run/publish.ts";
import { resume } from "../../../lib/run/resume.ts";
import type { Backend, ExecuteOptions } from "../../../lib/run/work.ts";
import { refusal, useFolder } from "../../make.ts";
import { planOf, resultOf, step } from "../assets/plan.ts";

const path = useFolder("resume-unit");
const header = "header";
const [shard] = planOf([]).shards;
const plan = {
  ...planOf([step("a")]),
  shards: [{ ...shard, size: 10, header: Buffer.from(header).toString("base64") }],
};
const merge = { plan, sources: plan.sources, resume: true };
const options: ExecuteOptions = { threads: 1, isa: "", sync: false, io: "mmap" };
writeFileSync(join(path, shard.name), `${header}1234`);

/** A stage that an interrupted merge has left, and what was kept when it was cleared. */
function stageOf(kept: Set<string>[]): Stage {
  const readRecord = () => writeRecord(merge, 0, [resultOf()]);
  const clear = (keep: Set<string>) => kept.push(keep);
  return { interrupted: true, path, readRecord, clear } as unknown as Stage;
}

const failing = (error: Error): Backend => ({
  name: "reference",
  execute: () => Promise.reject(error),
  executeSync() {
    throw error;
  },
});

test("it is made again, which is noted", async () => {
  const kept: Set<string>[] = [];
  const error = new MergeError("FILE_UNREADABLE", "no");
  const { shards, notes } = await resume(merge, stageOf(kept), failing(error), options);
  expect(shards.size).toBe(0);
  expect(notes).toEqual(["damaged and made again: 1 of 1 shards of an interrupted merge"]);
  expect(kept).toEqual([new Set()]);
});

test("unless the merge was cancelled", async () => {
  const error = new MergeError("ABORTED", "the merge was cancelled");
  const again = () => resume(merge, stageOf([]), failing(error), options);
  expect((await refusal(again)).code).toBe("ABORTED");
});
