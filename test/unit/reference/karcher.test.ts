import { expect, test } from "vitest";
import { Gram } from "../../../lib/reference/gram.ts";
import { karcherCoefficients } from "../../../lib/reference/karcher.ts";

/** Two vectors of length `norm` at this angle. */
function pair(norm: number, angle: number): Gram {
  const gram = new Gram(2);
  gram.set(0, 0, norm * norm);
  gram.set(1, 1, norm * norm);
  gram.set(0, 1, norm * norm * Math.cos(angle));
  return gram;
}

test("the mean of two directions lies in their middle, as long as they are", () => {
  const gram = pair(3, 2);
  const { weights } = karcherCoefficients(gram, 100, 1e-12);
  expect(weights[0]).toBeCloseTo(weights[1], 12);
  expect(Math.sqrt(gram.squaredLength(weights))).toBeCloseTo(3, 12);
});

test("a mean no longer than the tolerance is left as it is", () => {
  const { weights } = karcherCoefficients(pair(3, 3), 1, 1.2);
  expect(weights.every(Number.isFinite)).toBe(true);
  expect(weights[0]).not.toBe(weights[1]);
});
