import { expect, test } from "vitest";
import { refuseNonfinite } from "../../../lib/run/nonfinite.ts";
import { refusal } from "../../make.ts";
import { planOf, resultOf, step } from "../assets/plan.ts";

test("ten tensors are named, the others counted; all are in the problems", async () => {
  const steps = Array.from({ length: 12 }, (_, i) => step(`t${i}`));
  const results = steps.map(() => resultOf({ nanBorn: 2, overflowFromInput: 1 }));
  const error = await refusal(() => refuseNonfinite(planOf(steps), results));
  expect(error.code).toBe("NONFINITE");
  expect(error.problems).toHaveLength(12);
  const lines = error.message.split("\n");
  expect(lines).toHaveLength(12);
  expect(lines[1]).toBe(
    "  t0 holds values that are not finite: 2 born in the merge, 1 from the inputs",
  );
  expect(lines.at(-1)).toBe("  and 2 more tensors");
});

test("one of many is named alone", async () => {
  const steps = [step("a"), step("b")];
  const found = [resultOf(), resultOf({ overflowBorn: 1 })];
  const error = await refusal(() => refuseNonfinite(planOf(steps), found));
  expect(error.problems.map(({ message }) => message.split(" ")[0])).toEqual(["b"]);
  refuseNonfinite(planOf(steps), [resultOf(), resultOf()]);
});
