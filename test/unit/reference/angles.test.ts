/** Within an ulp or so of the engine's own functions; the bits are compared with C++ in parity. */
import { expect, test } from "vitest";
import { arcCosine, cosine, exponential, logarithm, sine } from "../../../lib/reference/angles.ts";

function near(found: number, expected: number) {
  const scale = Math.max(Math.abs(expected), 2 ** -1022);
  expect(Math.abs(found - expected) / scale).toBeLessThan(2 ** -50);
}

const ANGLES = [
  1e-300, 1e-9, 0.1, 0.7, 0.8, 1.5, 1.6, 2, 2.4, 3, 3.2, 4, 4.8, 5.5, 6.2, 7, 11, 100,
];

test.each(ANGLES)("sine and cosine of %d", (x) => {
  near(sine(x), Math.sin(x));
  near(cosine(x), Math.cos(x));
});

test.each([-1, -0.999, -0.5, -0.1, 0, 0.1, 0.5, 0.7, 0.999, 1])("arc cosine of %d", (x) => {
  expect(Math.abs(arcCosine(x) - Math.acos(x))).toBeLessThan(1e-15);
});

test.each([-700, -20, -1, -1e-9, 0, 0.3, 1, 5, 88, 699])("exponential of %d", (x) => {
  near(exponential(x), Math.exp(x));
});

test("the exponential ends in infinity and zero", () => {
  expect(exponential(701)).toBe(Number.POSITIVE_INFINITY);
  expect(exponential(-800)).toBe(0);
});

test.each([1e-300, 1e-9, 0.1, 0.9, 1, 1.1, 2, 10, 1e9, 1e300])("logarithm of %d", (x) => {
  expect(Math.abs(logarithm(x) - Math.log(x))).toBeLessThan(1e-12);
});

test("NaN stays NaN", () => {
  expect(exponential(Number.NaN)).toBeNaN();
  expect(logarithm(Number.NaN)).toBeNaN();
});
