/**
 * slerp: spherical interpolation from x to y (Shoemake 1985), as mergekit branches it.
 *
 * From the Gram matrix in binary64: norms |x|, |y| (a norm of at most 1e-8 divides as 1), cosine
 * c = (x·y / |x|) / |y|. Where |c| ≤ 0.9995, with θ = acos c: weights sin(θ − θt)/sin θ and
 * sin(θt)/sin θ; otherwise (nearly parallel, nearly opposite, or a Gram matrix that is not finite)
 * 1 − t and t. The weights are rounded to binary32 and `linear` combines the unnormalised tensors.
 */
import { arcCosine, sine } from "./angles.ts";
import { sumBlock } from "./lanes.ts";
import { linear } from "./linear.ts";
import type { StepIo } from "./step.ts";

const SMALL_NORM = 1e-8;
const PARALLEL = 0.9995;

export function* slerp(io: StepIo, from: number, to: number, t: number): Generator<void> {
  let xx = 0;
  let xy = 0;
  let yy = 0;
  for (const range of io.ranges()) {
    const x = io.tile(from, range).values;
    const y = io.tile(to, range).values;
    xx += sumBlock(range.count, (i) => x[i] * x[i]);
    xy += sumBlock(range.count, (i) => x[i] * y[i]);
    yy += sumBlock(range.count, (i) => y[i] * y[i]);
    yield;
  }
  const { weights, spherical } = slerpWeights(xx, xy, yy, t);
  yield* linear(io, { inputs: [from, to], weights, divisor: null, mean: !spherical });
}

/** Weights in binary32 from the entries of the Gram matrix. */
export function slerpWeights(
  xx: number,
  xy: number,
  yy: number,
  t: number,
): { weights: [number, number]; spherical: boolean } {
  const normX = Math.sqrt(xx);
  const normY = Math.sqrt(yy);
  const cosine =
    xy / (normX > SMALL_NORM ? normX : 1) / (normY > SMALL_NORM ? normY : 1);
  const spherical = Math.abs(cosine) <= PARALLEL;
  if (!spherical) return { weights: [Math.fround(1 - t), Math.fround(t)], spherical };
  const angle = arcCosine(cosine);
  const part = angle * t;
  const whole = sine(angle);
  const first = sine(angle - part) / whole;
  const second = sine(part) / whole;
  return { weights: [Math.fround(first), Math.fround(second)], spherical };
}
