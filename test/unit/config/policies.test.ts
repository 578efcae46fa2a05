import { expect, test } from "vitest";
import { recipeFromObject } from "../../../lib/config/schema.ts";
import { METHODS } from "../../../lib/methods/index.ts";

function read(more: Readonly<Record<string, unknown>>) {
  const models = [{ model: "a" }, { model: "b" }];
  const recipe = { merge_method: "linear", models, parameters: { weight: 1 }, ...more };
  return recipeFromObject(recipe, METHODS);
}

test("one word, one rule, or several", () => {
  expect(read({ on_missing: "skip" }).recipe?.onMissing).toEqual([{ value: "skip" }]);
  const rule = { filter: "lm_head", value: "skip" };
  expect(read({ on_missing: rule }).recipe?.onMissing).toEqual([rule]);
  const rules = [rule, { value: "error" }];
  expect(read({ on_mismatch: rules }).recipe?.onMismatch).toEqual(rules);
  expect(read({ embedding_rows: "error" }).recipe?.embeddingRows).toBe("error");
});

test.each([
  ["another word", { on_missing: "cut" }, "on_missing"],
  ["a number", { on_mismatch: 7 }, "on_mismatch"],
  ["a rule that is none", { on_missing: ["skip"] }, "on_missing[0]"],
  ["a rule without a value", { on_missing: [{ filter: "x" }] }, "on_missing[0]"],
  ["a filter that is no text", { on_missing: [{ filter: 7, value: "skip" }] }, "on_missing[0]"],
  ["another word for rows", { embedding_rows: "base" }, "embedding_rows"],
])("%s is refused where it stands", (_, more, path) => {
  const { recipe, problems } = read(more);
  expect(recipe).toBeUndefined();
  expect(problems).toHaveLength(1);
  expect(problems[0].place?.path).toContain(path);
});

test("no more than a hundred problems are told", () => {
  const models = Array.from({ length: 150 }, () => ({ model: "a", paramters: {} }));
  const { problems } = recipeFromObject({ merge_method: "linear", models }, METHODS);
  expect(problems).toHaveLength(100);
  expect(problems[0].hint).toContain("parameters");
});

test("a word far from all others gets no suggestion, and long text is cut", () => {
  const long = "x".repeat(200);
  const { problems } = read({ [long]: 1, dtype: long });
  expect(problems.map(({ code }) => code).sort()).toEqual(["UNKNOWN_DTYPE", "UNKNOWN_KEY"]);
  for (const { hint } of problems) expect(hint ?? "").not.toContain("did you mean");
});
