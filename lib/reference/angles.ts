/**
 * sin, cos, acos, exp and log from + - * / and sqrt alone; the operations of native/engine/angles.cpp in
 * the same order, so both give the same bits on every machine. Error at most 1 ulp of binary64.
 */
const HALF_PI_1 = 1.5707963267341256;
const HALF_PI_2 = 6.077100506303966e-11;
const HALF_PI_3 = 2.0222662487959506e-21;
const PI_HIGH = Math.PI;
const PI_LOW = 1.2246467991473532e-16;

/** x = quadrant·π/2 + high + low, |high| ≤ π/4; 0 ≤ x ≤ 1e5. */
function reduce(x: number): { quadrant: number; high: number; low: number } {
  const turns = Math.floor(x * 0.6366197723675814 + 0.5);
  const first = x - turns * HALF_PI_1;
  const step = turns * HALF_PI_2;
  const rest = first - step;
  const tail = first - rest - step - turns * HALF_PI_3;
  const high = rest + tail;
  const low = rest - high + tail;
  return { quadrant: turns & 3, high, low };
}

function sineNearZero(x: number, low: number): number {
  const z = x * x;
  let p = -1 / 121645100408832000;
  p = p * z + 1 / 355687428096000;
  p = p * z - 1 / 1307674368000;
  p = p * z + 1 / 6227020800;
  p = p * z - 1 / 39916800;
  p = p * z + 1 / 362880;
  p = p * z - 1 / 5040;
  p = p * z + 1 / 120;
  p = p * z - 1 / 6;
  return x + (x * z * p + low * (1 - 0.5 * z));
}

function cosineNearZero(x: number, low: number): number {
  const z = x * x;
  let p = 1 / 6402373705728000;
  p = -p * z + 1 / 20922789888000;
  p = p * z - 1 / 87178291200;
  p = p * z + 1 / 479001600;
  p = p * z - 1 / 3628800;
  p = p * z + 1 / 40320;
  p = p * z - 1 / 720;
  p = p * z + 1 / 24;
  const half = 0.5 * z;
  const sum = 1 - half;
  return sum + (1 - sum - half + (z * z * p - x * low));
}

/** arcsin(x) − x for 0 ≤ x ≤ 1/2, by its series. */
function arcSineExcess(x: number): number {
  const z = x * x;
  const coefficients = new Float64Array(26);
  let c = 1;
  for (let n = 0; n < 26; n++) {
    c = (c * (2 * n + 1)) / (2 * n + 2);
    coefficients[n] = c / (2 * n + 3);
  }
  let p = 0;
  for (let n = 25; n >= 0; n--) p = p * z + coefficients[n];
  return x * z * p;
}

const words: Uint32Array<ArrayBuffer> = new Uint32Array(2);
const double: Float64Array<ArrayBuffer> = new Float64Array(words.buffer);

function withoutLowHalf(x: number): number {
  double[0] = x;
  words[0] = 0;
  return double[0];
}

/** arcsin(√z) for 0 ≤ z ≤ 1/4 as a sum. */
function arcSineOfRoot(z: number): { high: number; low: number } {
  if (z === 0) return { high: 0, low: 0 };
  const root = Math.sqrt(z);
  const high = withoutLowHalf(root);
  const low = (z - high * high) / (root + high);
  return { high, low: arcSineExcess(root) + low };
}

/** from − (x + y), with the error of the first subtraction kept. */
function minus(from: number, fromLow: number, x: number, y: number): number {
  const difference = from - x;
  const lost = from - difference - x;
  return difference + (lost - y + fromLow);
}

/** sin x for 0 ≤ x ≤ 1e5. */
export function sine(x: number): number {
  const { quadrant, high, low } = reduce(x);
  const value = (quadrant & 1) !== 0 ? cosineNearZero(high, low) : sineNearZero(high, low);
  return quadrant >= 2 ? -value : value;
}

/** cos x for 0 ≤ x ≤ 1e5. */
export function cosine(x: number): number {
  const { quadrant, high, low } = reduce(x);
  const value = (quadrant & 1) !== 0 ? sineNearZero(high, low) : cosineNearZero(high, low);
  return quadrant === 1 || quadrant === 2 ? -value : value;
}

/** acos x for −1 ≤ x ≤ 1. */
export function arcCosine(x: number): number {
  if (x > 0.5) {
    const half = arcSineOfRoot((1 - x) * 0.5);
    return 2 * (half.high + half.low);
  }
  if (x < -0.5) {
    const half = arcSineOfRoot((1 + x) * 0.5);
    return minus(PI_HIGH, PI_LOW, 2 * half.high, 2 * half.low);
  }
  const excess = arcSineExcess(x < 0 ? -x : x);
  return minus(0.5 * PI_HIGH, 0.5 * PI_LOW, x, x < 0 ? -excess : excess);
}

const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;

/** Coefficients 1/n! of exp from the highest, 14, down to 2. */
const EXPONENTIAL = [
  87178291200, 6227020800, 479001600, 39916800, 3628800, 362880, 40320, 5040, 720, 120, 24, 6,
];

/** exp x for −700 ≤ x ≤ 700; 0 below, infinity above. */
export function exponential(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x < -700) return 0;
  if (x > 700) return Number.POSITIVE_INFINITY;
  const k = Math.floor(x * Math.LOG2E + 0.5);
  const high = x - k * LN2_HIGH;
  const low = k * LN2_LOW;
  const r = high - low;
  const lost = high - r - low;
  let p = 1 / EXPONENTIAL[0];
  for (let n = 1; n < EXPONENTIAL.length; n++) p = p * r + 1 / EXPONENTIAL[n];
  p = p * r + 0.5;
  return (1 + (r + (r * r * p + lost))) * powerOfTwo(k);
}

function powerOfTwo(exponent: number): number {
  words[0] = 0;
  words[1] = (exponent + 1023) << 20;
  return double[0];
}

/** log x for normal x > 0. */
export function logarithm(x: number): number {
  if (Number.isNaN(x)) return x;
  double[0] = x;
  let exponent = (words[1] >>> 20) - 1023;
  words[1] = (words[1] & 0x000fffff) | 0x3ff00000;
  let m = double[0];
  if (m > Math.SQRT2) {
    m = m * 0.5;
    exponent = exponent + 1;
  }
  const f = m - 1;
  const s = f / (2 + f);
  const z = s * s;
  let p = 2 / 23;
  for (let n = 21; n >= 3; n = n - 2) p = p * z + 2 / n;
  const halfSquare = 0.5 * f * f;
  const small = s * (halfSquare + z * p) + exponent * LN2_LOW;
  return exponent * LN2_HIGH - (halfSquare - small - f);
}
