/**
 * model_stock: between base and mean as far as the angles say (Jang et al. 2024), as mergekit has it.
 *
 * c is the mean over all pairs of clamp(dᵢ·dⱼ / max(|dᵢ|·|dⱼ|, 1e-6)); t = N·c / (1 + (N − 1)·c);
 * the result is base + Σ (t/N)·dᵢ. A t that is not finite counts as 0.
 */
import { type Coefficients, clampCosine, type Gram, larger } from "./gram.ts";

const FLOOR = 1e-6;

export function modelStockCoefficients(gram: Gram): Coefficients {
  let sum = 0;
  let pairs = 0;
  for (let i = 0; i < gram.size; i++) {
    for (let j = i + 1; j < gram.size; j++) {
      const product = Math.sqrt(gram.at(i, i)) * Math.sqrt(gram.at(j, j));
      sum += clampCosine(gram.at(i, j) / larger(product, FLOOR));
      pairs++;
    }
  }
  const c = sum / pairs;
  const count = gram.size;
  const t = (count * c) / (1 + (count - 1) * c);
  const weight = Number.isFinite(t) ? t / count : 0;
  return { weights: new Array<number>(count).fill(weight), mean: false };
}
