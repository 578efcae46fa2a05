/**
 * karcher: the Riemannian mean of the directions, times the mean length, as mergekit iterates it.
 *
 * Vectors no longer than `tolerance` have no direction but count in the mean length. Start: the
 * normalised mean of the directions, or the first direction where that mean is short. Each step adds
 * up aᵢ·(θᵢ/sin θᵢ)·(uᵢ − cos θᵢ·u) over directions at an angle of at least `tolerance` that are not
 * opposite, and moves along it on the sphere; it ends when the step is shorter than `tolerance`.
 * Everything happens in the coefficients of the vectors: lengths and angles come from the Gram matrix.
 */
import { arcCosine, cosine, sine } from "./angles.ts";
import { type Coefficients, clampCosine, type Gram, OPPOSITE } from "./gram.ts";

interface Directions {
  norms: number[];
  valid: number[];
  length: number;
}

export function karcherCoefficients(
  gram: Gram,
  maxIterations: number,
  tolerance: number,
): Coefficients {
  const directions = directionsOf(gram, tolerance);
  const { valid, norms, length } = directions;
  const none = new Array<number>(gram.size).fill(0);
  if (valid.length === 0) return { weights: none, mean: gram.allEqual };
  let u = firstMean(gram, directions, tolerance);
  const share = 1 / valid.length;
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    const step = [...none];
    for (const i of valid) pull(gram, i, norms[i], share, tolerance, u, step);
    const size = Math.sqrt(gram.squaredLength(step));
    if (!(size >= tolerance)) break;
    const along = cosine(size);
    const across = sine(size) / size;
    u = u.map((each, j) => along * each + across * step[j]);
    const norm = Math.sqrt(gram.squaredLength(u));
    if (norm > tolerance) u = u.map((each) => each / norm);
  }
  return { weights: u.map((each) => each * length), mean: gram.allEqual };
}

function directionsOf(gram: Gram, tolerance: number): Directions {
  const out: Directions = { norms: [], valid: [], length: 0 };
  for (let i = 0; i < gram.size; i++) {
    const norm = Math.sqrt(gram.at(i, i));
    out.norms.push(norm);
    out.length += norm / gram.size;
    if (norm > tolerance) out.valid.push(i);
  }
  return out;
}

function firstMean(gram: Gram, { norms, valid }: Directions, tolerance: number): number[] {
  const u = new Array<number>(gram.size).fill(0);
  const share = 1 / valid.length;
  for (const i of valid) u[i] = share / norms[i];
  const norm = Math.sqrt(gram.squaredLength(u));
  if (norm >= tolerance) return u.map((each) => each / norm);
  return u.map((_, i) => (i === valid[0] ? 1 / norms[i] : 0));
}

function pull(
  gram: Gram,
  i: number,
  norm: number,
  share: number,
  tolerance: number,
  mean: readonly number[],
  step: number[],
): void {
  let c = 0;
  for (let j = 0; j < gram.size; j++) c += mean[j] * gram.at(j, i);
  c = clampCosine(c / norm);
  const angle = arcCosine(c);
  if (angle < tolerance || c <= OPPOSITE) return;
  const factor = share * (angle / sine(angle));
  for (let j = 0; j < gram.size; j++) step[j] = step[j] - factor * c * mean[j];
  step[i] = step[i] + factor / norm;
}
