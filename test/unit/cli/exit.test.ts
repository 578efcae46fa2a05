import { expect, test } from "vitest";
import { exitCodeOf } from "../../../lib/cli/exit.ts";
import { ERROR_CODES, type ErrorCode } from "../../../lib/errors.ts";

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
])("%s ends with %i", (code, exit) => expect(exitCodeOf(code)).toBe(exit));

test("no error ends with 0, and only a defect with 1", () => {
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    const exit = exitCodeOf(code);
    expect([2, 3, 4, 5, 130], code).toContain(code === "INTERNAL" ? 2 : exit);
  }
});
