import { expect, test } from "vitest";
import { figure, percent } from "../../../lib/diff/figures.ts";

test.each([
  [null, "–"],
  [Number.NaN, "–"],
  [0, "0"],
  [1, "1.000"],
  [0.123456, "0.1235"],
  [-0.123456, "-0.1235"],
  [12.3456, "12.35"],
  [12_345.6, "12346"],
  [123_456, "1.23e+5"],
  [0.000123456, "1.23e-4"],
  [Number.POSITIVE_INFINITY, "Infinity"],
])("the figure %d is %s", (value, text) => expect(figure(value)).toBe(text));

test.each([
  [null, "–"],
  [0, "0.0 %"],
  [1e-9, "< 0.1 %"],
  [0.12345, "12.3 %"],
  [0.99999, "> 99.9 %"],
  [1, "100.0 %"],
])("the share %d is %s", (value, text) => expect(percent(value)).toBe(text));
