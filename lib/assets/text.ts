/** Text that is written piece by piece and ends as bytes, in UTF-8. */
export class TextBytes {
  #bytes: Buffer;
  #length = 0;

  /** `expected`: bytes that there is room for at first. */
  constructor(expected: number) {
    this.#bytes = Buffer.allocUnsafe(expected);
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** Writes a piece; true when it was ASCII alone, a byte for each unit. */
  add(piece: string): boolean {
    const most = this.#length + 3 * piece.length;
    if (most > this.#bytes.length) this.#grow(Math.max(most, 2 * this.#bytes.length));
    const written = this.#bytes.write(piece, this.#length);
    this.#length += written;
    return written === piece.length;
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(capacity: number): void {
    const grown = Buffer.allocUnsafe(capacity);
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
