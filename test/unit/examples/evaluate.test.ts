import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { accuracy, readQuestions, retention } from "../../../examples/tiny-family/evaluate.ts";
import { formatTable } from "../../../examples/tiny-family/table.ts";
import { EXAMPLES, exampleModel, readJson } from "./fixtures.ts";

const expected = readJson("eval", "expected.json");
const base = exampleModel("base");

describe("accuracy", () => {
  const questions = readQuestions(join(EXAMPLES, "eval"));

  it("counts what a model answers exactly", () => {
    const [question] = questions.add.filter(({ prompt }) => prompt === "A44+53=");
    expect(accuracy(base, [question])).toBe(1);
    expect(accuracy(base, [question, { ...question, answer: "098" }])).toBe(0.5);
    expect(accuracy(base, [{ ...question, answer: "09" }])).toBe(0);
    expect(accuracy(base, [{ ...question, answer: "0977" }])).toBe(0);
  });

  it("of the base at reversing is that of the fixtures", () => {
    expect(questions.reverse).toHaveLength(expected.prompts);
    expect(accuracy(base, questions.reverse)).toBeCloseTo(expected.models.base.reverse, 2);
  });
});

describe("retention", () => {
  const { base, reverse, sort, add } = expected.models;
  const experts = { reverse: reverse.reverse, sort: sort.sort, add: add.add };

  it.each(Object.entries({ base, reverse, sort, add }))("of %s is the fixtures'", (_, model) => {
    expect(retention(model, experts)).toBeCloseTo(model.retention, 4);
  });
});

describe("table", () => {
  it("aligns names left and figures right", () => {
    const row = { model: "base", reverse: 0.445, sort: 0.385, add: 0.5, retention: 0.4522 };
    expect(formatTable([row, { ...row, model: "merged" }]).split("\n")).toEqual([
      "model   reverse   sort    add  retention",
      "base      0.445  0.385  0.500      0.452",
      "merged    0.445  0.385  0.500      0.452",
    ]);
  });
});
