/**
 * MT19937 (Matsumoto and Nishimura 1998) as torch's default CPU generator seeds it: one 32-bit output
 * for each element that mergekit draws for, tensors in name order.
 */
export class Mt19937 {
  readonly #state = new Uint32Array(624);
  #at = 624;

  constructor(seed: number) {
    this.#state[0] = seed;
    for (let i = 1; i < 624; i++) {
      const last = this.#state[i - 1];
      this.#state[i] = Math.imul(1812433253, last ^ (last >>> 30)) + i;
    }
  }

  next(): number {
    if (this.#at === 624) this.#refill();
    let y = this.#state[this.#at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #refill(): void {
    const state = this.#state;
    for (let i = 0; i < 624; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
      state[i] = state[(i + 397) % 624] ^ (y >>> 1) ^ ((y & 1) !== 0 ? 0x9908b0df : 0);
    }
    this.#at = 0;
  }
}

/** The stream of a whole run, from which steps take their draws in order. */
export class TorchStream {
  #generator: Mt19937 | undefined;
  #position = 0;

  /** The `count` draws that begin at `offset`, which must not lie behind the stream's position. */
  take(seed: number, offset: number, count: number): Uint32Array {
    this.#generator ??= new Mt19937(seed);
    for (; this.#position < offset; this.#position++) this.#generator.next();
    const out = new Uint32Array(count);
    for (let i = 0; i < count; i++) out[i] = this.#generator.next();
    this.#position += count;
    return out;
  }
}
