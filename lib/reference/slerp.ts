/**
 * slerp: spherical interpolation from x to y (Shoemake 1985), as mergekit branches it.
 *
 * From the Gram matrix: norms |x|, |y| (a norm of at most 1e-8 divides as 1), cosine
 * c = (x·y / |x|) / |y|. Where |c| ≤ 0.9995, with θ = acos c: weights sin(θ − θt)/sin θ and
 * sin(θt)/sin θ; otherwise (nearly parallel, nearly opposite, or a Gram matrix that is not finite)
 * 1 − t and t. The weights combine the unnormalised tensors.
 */
import { arcCosine, sine } from "./angles.ts";
import type { Coefficients, Gram } from "./gram.ts";

const SMALL_NORM = 1e-8;
const PARALLEL = 0.9995;

export function slerpCoefficients(gram: Gram, t: number): Coefficients {
  const normX = Math.sqrt(gram.at(0, 0));
  const normY = Math.sqrt(gram.at(1, 1));
  const c = gram.at(0, 1) / (normX > SMALL_NORM ? normX : 1) / (normY > SMALL_NORM ? normY : 1);
  if (!(Math.abs(c) <= PARALLEL)) return { weights: [1 - t, t], mean: true };
  const angle = arcCosine(c);
  const part = angle * t;
  const whole = sine(angle);
  const weights = [signedSine(angle - part) / whole, signedSine(part) / whole];
  return { weights, mean: gram.allEqual };
}

/** t outside [0, 1] makes angles negative, which `sine` does not take. */
export function signedSine(x: number): number {
  return x < 0 ? -sine(-x) : sine(x);
}
