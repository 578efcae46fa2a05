/**
 * The Gram matrix of n vectors, in binary64. slerp, nuslerp, multislerp, karcher and model_stock turn
 * it into the coefficients of a linear combination; their files specify how.
 */
export class Gram {
  readonly size: number;
  readonly #entries: Float64Array;

  constructor(size: number) {
    this.size = size;
    this.#entries = new Float64Array(size * size);
  }

  at(i: number, j: number): number {
    return this.#entries[i * this.size + j];
  }

  set(i: number, j: number, value: number): void {
    this.#entries[i * this.size + j] = value;
    this.#entries[j * this.size + i] = value;
  }

  /** All vectors have the same entries, as equal vectors have. */
  get allEqual(): boolean {
    return this.#entries.every((entry) => entry === this.#entries[0]);
  }

  /** The squared length of the combination with these coefficients; never negative. */
  squaredLength(coefficients: ArrayLike<number>): number {
    let sum = 0;
    for (let i = 0; i < this.size; i++) {
      for (let j = 0; j < this.size; j++) sum += coefficients[i] * coefficients[j] * this.at(i, j);
    }
    return sum > 0 ? sum : 0;
  }
}

/** `mean`: the coefficients stand for an average, so equal elements keep their value. */
export interface Coefficients {
  weights: readonly number[];
  mean: boolean;
}

export function clampCosine(c: number): number {
  return c > 1 ? 1 : c < -1 ? -1 : c;
}

/** The larger of two; the second where the first is NaN. */
export function larger(a: number, b: number): number {
  return a > b ? a : b;
}

/** A cosine of at most this counts as opposite: binary32 could not tell it from −1. */
export const OPPOSITE: number = -1 + 1e-7;
