/** Text that is written piece by piece and ends as bytes, in UTF-8. */
export class TextBytes {
  #bytes: Buffer;
  #length = 0;

  /** `expected`: bytes that there is room for at first. */
  constructor(expected: number) {
    this.#bytes = Buffer.allocUnsafe(expected);
  }

  /** Writes a piece. Where the units at these places in it have come to lie. */
  add(piece: string, marks: readonly number[] = []): number[] {
    const start = this.#length;
    const most = start + 3 * piece.length;
    if (most > this.#bytes.length) this.#grow(Math.max(most, 2 * this.#bytes.length));
    const written = this.#bytes.write(piece, start);
    this.#length += written;
    const ascii = written === piece.length;
    return marks.map((at) => start + (ascii ? at : Buffer.byteLength(piece.slice(0, at))));
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
