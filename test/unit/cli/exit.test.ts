import { expect, test } from "vitest";
import { exitCodeOf } from "../../../lib/cli/exit.ts";
import { ERROR_CODES, type ErrorCode, MergeError, throwProblems } from "../../../lib/errors.ts";
import { refusal } from "../../make.ts";

const exitOf = (code: ErrorCode) => exitCodeOf(new MergeError(code, ""));

test.each<[ErrorCode, number]>([
  ["INTERNAL", 1],
  ["ARGUMENT", 2],
  ["RECIPE_NOT_YAML", 2],
  ["RECIPE_UNREADABLE", 2],
  ["UNKNOWN_METHOD", 2],
  ["MISSING_PARAMETER", 2],
  ["LAYER_RANGE", 2],
  ["BACKEND", 2],
  ["MEMORY_BUDGET", 2],
  ["SEVERAL_PROBLEMS", 2],
  ["MODEL_NOT_FOUND", 3],
  ["HEADER_NOT_JSON", 3],
  ["MISSING_TENSOR", 3],
  ["SHAPE_MISMATCH", 3],
  ["TENSOR_DIFFERS", 3],
  ["OUTPUT_EXISTS", 4],
  ["OUTPUT_BUSY", 4],
  ["OUTPUT_IS_INPUT", 4],
  ["WRITE_FAILED", 4],
  ["NO_SPACE", 4],
  ["INPUT_CHANGED", 5],
  ["ABORTED", 130],
  ["DEVICE", 6],
  ["DEVICE_MEMORY", 2],
])("%s ends with %i", (code, exit) => expect(exitOf(code)).toBe(exit));

test.each<[readonly ErrorCode[], number]>([
  [["MODEL_NOT_FOUND", "MODEL_NOT_FOUND"], 3],
  [["MODEL_NOT_FOUND", "SHAPE_MISMATCH", "HEADER_EMPTY"], 3],
  [["UNKNOWN_KEY", "OUT_OF_RANGE"], 2],
  [["MODEL_NOT_FOUND", "LAYER_RANGE"], 2],
])("%j together end with %i", async (codes, exit) => {
  const problems = codes.map((code) => ({ code, message: "" }));
  const error = await refusal(() => throwProblems(problems, "several"));
  expect([error.code, exitCodeOf(error)]).toEqual(["SEVERAL_PROBLEMS", exit]);
});

test("no error ends with 0, and only a defect with 1", () => {
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    const exit = exitOf(code);
    expect([2, 3, 4, 5, 6, 130], code).toContain(code === "INTERNAL" ? 2 : exit);
  }
});
