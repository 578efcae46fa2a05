/**
 * Philox4x32-10 (Salmon et al. 2011), a counter-based generator: four 32-bit words for every
 * (counter, key). Mirrors native/kernels/random.h.
 */

/** 32 × 32 → 64 bits: [high, low]. */
function multiply(a: number, b: number): [number, number] {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  const high = (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(cross / 65536)) >>> 0;
  return [high, Math.imul(a, b) >>> 0];
}

/** The four output words of one counter. */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, c0);
    const [high1, low1] = multiply(0xcd9e8d57, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** Purpose word of the counter: sparsification masks. */
const SPARSIFY = 0;

/** Which of `count` elements from element `first` (a multiple of 4) on are kept. */
export function keepRandom(
  first: number,
  count: number,
  threshold: number,
  model: number,
  key: readonly [number, number],
): Uint8Array {
  const kept = new Uint8Array(count);
  for (let i = 0; i < count; i += 4) {
    const counter = (first + i) / 4;
    const low = counter >>> 0;
    const high = Math.floor(counter / 2 ** 32);
    const words = philox([low, high, model, SPARSIFY], key);
    for (let j = 0; j < 4 && i + j < count; j++) kept[i + j] = words[j] < threshold ? 1 : 0;
  }
  return kept;
}

/** The random word of every element from 0 to `count`. */
export function randomWords(
  count: number,
  model: number,
  key: readonly [number, number],
): Uint32Array {
  const out = new Uint32Array(count);
  for (let i = 0; i < count; i += 4) {
    const counter = i / 4;
    const words = philox([counter >>> 0, Math.floor(counter / 2 ** 32), model, SPARSIFY], key);
    for (let j = 0; j < 4 && i + j < count; j++) out[i + j] = words[j];
  }
  return out;
}
