import { expect, test } from "vitest";
import { readRecord, writeRecord } from "../../../lib/run/journal.ts";
import { planOf, resultOf, step } from "../assets/plan.ts";

const plan = planOf([step("a"), step("b", { shard: 1 }), step("c", { shard: 1 })], 2);
const merge = { plan, sources: plan.sources };
const results = [resultOf(), resultOf({ nanBorn: 1 })];

test("a record gives back what was written", () => {
  expect(readRecord(merge, 1, writeRecord(merge, 1, results))).toEqual(results);
});

test("a record of another shard, or of fewer tensors, is damaged", () => {
  expect(readRecord(merge, 0, writeRecord(merge, 1, results))).toBe("damaged");
  expect(readRecord(merge, 1, writeRecord(merge, 1, [resultOf()]))).toBe("damaged");
});

test("a record whose text has changed is damaged, one of another plan foreign", () => {
  const text = writeRecord(merge, 1, results);
  expect(readRecord(merge, 1, text.replace("nanBorn", "nanborn"))).toBe("damaged");
  expect(readRecord(merge, 1, `${text}more`)).toBe("damaged");
  expect(readRecord(merge, 1, "")).toBe("damaged");
  const other = { ...merge, plan: { ...plan, hash: "other" } };
  expect(readRecord(other, 1, text)).toBe("foreign");
});
