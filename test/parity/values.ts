/** Random stored values with everything awkward among them. */
import type { FloatDtype } from "../../lib/format/dtype.ts";
import { bitsOf, CODECS, encode } from "../../lib/reference/codec.ts";
import { type Tensor, tensor } from "../../lib/tensor.ts";

/** A small deterministic generator (xorshift32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2654435761 + 1) >>> 0 || 1;
  }

  word(): number {
    let x = this.#state;
    x ^= x << 13;
    x >>>= 0;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state;
  }

  /** Uniform in [-1, 1). */
  number(): number {
    return this.word() / 2 ** 31 - 1;
  }
}

/** Bit patterns of binary32: quiet and signalling NaN with payloads, infinities, zeros, extremes. */
const SPECIAL = [
  0x7fc00000, 0xffc01234, 0x7f800001, 0xffa5a5a5, 0x7fffffff, 0x7f800000, 0xff800000, 0x00000000,
  0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x3f800000,
  0xbf800000, 0x33000000, 0x387fc000, 0x477fe000, 0x7f7f0000,
];

/** A tensor whose bytes start `skew` bytes off any alignment; about one value in 40 is special. */
export function makeTensor(
  dtype: FloatDtype,
  length: number,
  random: Random,
  skew: number,
  special = true,
): Tensor {
  const bits = new Uint32Array(length);
  for (let i = 0; i < length; i++) {
    const word = random.word();
    const odd = special && word % 40 === 0;
    bits[i] = odd ? SPECIAL[(word >>> 8) % SPECIAL.length] : bitsOf(random.number() * 0.1);
    // Coarse values make equal magnitudes, so that a selection meets ties.
    if (word % 3 === 0) bits[i] = bitsOf(Math.round(random.number() * 8) / 64);
  }
  const width = CODECS[dtype].bytes;
  const memory = new Uint8Array(length * width + 64);
  const bytes = memory.subarray(skew, skew + length * width);
  encode(dtype, bits, bytes, 0);
  return tensor(dtype, bytes, [length]);
}
