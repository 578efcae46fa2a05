/**
 * nuslerp: spherical interpolation with a share t of the second vector, as mergekit computes it.
 *
 * Norms are at least 1e-7; c = clamp((x·y / |x|) / |y|), θ = acos c. Weights sin((1 − t)θ)/sin θ and
 * sin(tθ)/sin θ; where sin θ is below 1e-8 or the vectors are opposite (c ≤ −1 + 1e-7, where
 * mergekit's result is rounding noise), 1 − t and t.
 */
import { arcCosine, sine } from "./angles.ts";
import { type Coefficients, clampCosine, type Gram, larger, OPPOSITE } from "./gram.ts";
import { signedSine } from "./slerp.ts";

const SMALL_NORM = 1e-7;
const SMALL_SINE = 1e-8;

export function nuslerpCoefficients(gram: Gram, t: number): Coefficients {
  const normX = larger(Math.sqrt(gram.at(0, 0)), SMALL_NORM);
  const normY = larger(Math.sqrt(gram.at(1, 1)), SMALL_NORM);
  const c = clampCosine(gram.at(0, 1) / normX / normY);
  const angle = Number.isNaN(c) ? 0 : arcCosine(c);
  const whole = sine(angle);
  if (whole < SMALL_SINE || c <= OPPOSITE) return { weights: [1 - t, t], mean: true };
  const first = signedSine((1 - t) * angle) / whole;
  return { weights: [first, signedSine(t * angle) / whole], mean: gram.allEqual };
}
