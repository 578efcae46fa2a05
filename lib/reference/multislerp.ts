/**
 * multislerp: the weighted mean direction, times the weighted mean length.
 *
 * mergekit adds a tangent step G, the projection of the mean on the tangent space at the mean itself,
 * which is zero but for rounding; its length enters as epsilon alone. So with uᵢ = xᵢ/(|xᵢ| + ε) and
 * m = Σ wᵢ·uᵢ the result is (m/|m|)·cos ε·Σ wᵢ·|xᵢ|. Where |m| is below ε: Σ wᵢ·xᵢ.
 */
import { cosine } from "./angles.ts";
import type { Coefficients, Gram } from "./gram.ts";

export function multislerpCoefficients(
  gram: Gram,
  epsilon: number,
  weights: readonly number[],
): Coefficients {
  const direction: number[] = [];
  let length = 0;
  for (let i = 0; i < gram.size; i++) {
    const norm = Math.sqrt(gram.at(i, i));
    direction.push(weights[i] / (norm + epsilon));
    length += weights[i] * norm;
  }
  const mean = Math.sqrt(gram.squaredLength(direction));
  if (!(mean >= epsilon) || mean === 0) return { weights, mean: gram.allEqual };
  const scale = (cosine(epsilon) * length) / mean;
  return { weights: direction.map((each) => each * scale), mean: gram.allEqual };
}
