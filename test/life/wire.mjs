/** Small jobs in the wire form, made here by hand so that every word of them can be wrong. */
const MAGIC = 0x323030424f4a4c57n; // "WLJOB002"

const F32 = 0n;
const float = (value) => new BigUint64Array(Float64Array.of(value).buffer)[0];

/**
 * A linear job over two sources in memory of `count` floats, as 64-bit words.
 * @param {number} count
 */
export function linearWords(count, memory = 1n) {
  const bytes = BigInt(4 * count);
  const files = [1, 2, 3].flatMap(() => [memory, bytes]);
  const step = [2n, 0n, 0n, F32, 32n, BigInt(count), 2n, 5n];
  const inputs = [0n, 0n, F32, 1n, 0n, F32];
  const numbers = [1, 2, 0, 1, 1].map(float);
  return [MAGIC, 2n, 1n, 0n, 1n, ...files, ...step, ...inputs, ...numbers];
}

/** The words as the addon takes them. */
export function wireOf(words) {
  return new Uint8Array(BigUint64Array.from(words).buffer);
}
