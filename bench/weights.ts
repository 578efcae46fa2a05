/** Random weights in bf16: those of a base, and of others that differ from it as fine-tunes do. */

const TABLE = 1 << 16;

/** Draws from a table of normal numbers, which is quick and random enough for weights. */
class Normal {
  static readonly #table = Normal.#fill();
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 0x9e3779b1) | 1;
  }

  next(): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) | 0;
    return Normal.#table[this.#state >>> 16];
  }

  static #fill(): Float32Array {
    let state = 7;
    const uniform = () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state + 1) / 2 ** 32;
    };
    return Float32Array.from({ length: TABLE }, () => {
      return Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    });
  }
}

const SCALE = 0.02;
/** Standard deviation of a fine-tune's delta; many deltas vanish in bf16, as in real models. */
const DELTA = 0.0008;

/** The weights of one model, piece by piece; all models with a seed above 0 are near that of 0. */
export class Weights {
  readonly #base = new Normal(1);
  readonly #delta: Normal | undefined;

  constructor(seed: number) {
    if (seed > 0) this.#delta = new Normal(seed + 1);
  }

  fill(into: Uint16Array): void {
    const [base, delta] = [this.#base, this.#delta];
    const value = new Float32Array(1);
    const bits = new Uint32Array(value.buffer);
    for (let i = 0; i < into.length; i++) {
      value[0] = base.next() * SCALE + (delta === undefined ? 0 : delta.next() * DELTA);
      into[i] = (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) >>> 16;
    }
  }
}
