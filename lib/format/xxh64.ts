/**
 * XXH64 (Collet), 64-bit arithmetic done in two 32-bit halves. Used for the digests of outputs and
 * for the random key of a tensor name; native/engine/hash.cpp is its fast twin.
 */
type Wide = readonly [high: number, low: number];

const PRIME_1: Wide = [0x9e3779b1, 0x85ebca87];
const PRIME_2: Wide = [0xc2b2ae3d, 0x27d4eb4f];
const PRIME_3: Wide = [0x165667b1, 0x9e3779f9];
const PRIME_4: Wide = [0x85ebca77, 0xc2b2ae63];
const PRIME_5: Wide = [0x27d4eb2f, 0x165667c5];

function add(a: Wide, b: Wide): Wide {
  const low = a[1] + b[1];
  return [(a[0] + b[0] + (low > 0xffffffff ? 1 : 0)) >>> 0, low >>> 0];
}

function xor(a: Wide, b: Wide): Wide {
  return [(a[0] ^ b[0]) >>> 0, (a[1] ^ b[1]) >>> 0];
}

function multiply(a: Wide, b: Wide): Wide {
  const a0 = a[1] & 0xffff;
  const a1 = a[1] >>> 16;
  const b0 = b[1] & 0xffff;
  const b1 = b[1] >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const cross = a0 * b1 + (middle & 0xffff);
  const carry = a1 * b1 + Math.floor(middle / 65536) + Math.floor(cross / 65536);
  const high = (carry + Math.imul(a[0], b[1]) + Math.imul(a[1], b[0])) >>> 0;
  return [high, Math.imul(a[1], b[1]) >>> 0];
}

/** By 1 to 31 bits. */
function rotate(a: Wide, by: number): Wide {
  return [((a[0] << by) | (a[1] >>> (32 - by))) >>> 0, ((a[1] << by) | (a[0] >>> (32 - by))) >>> 0];
}

function shiftRight(a: Wide, by: number): Wide {
  if (by >= 32) return [0, a[0] >>> (by - 32)];
  return [a[0] >>> by, ((a[1] >>> by) | (a[0] << (32 - by))) >>> 0];
}

function mix(lane: Wide, word: Wide): Wide {
  return multiply(rotate(add(lane, multiply(word, PRIME_2)), 31), PRIME_1);
}

function finish(start: Wide, view: DataView, from: number): Wide {
  let hash = start;
  let at = from;
  for (; view.byteLength - at >= 8; at += 8) {
    const word: Wide = [view.getUint32(at + 4, true), view.getUint32(at, true)];
    hash = add(multiply(rotate(xor(hash, mix([0, 0], word)), 27), PRIME_1), PRIME_4);
  }
  if (view.byteLength - at >= 4) {
    const word: Wide = [0, view.getUint32(at, true)];
    hash = add(multiply(rotate(xor(hash, multiply(word, PRIME_1)), 23), PRIME_2), PRIME_3);
    at += 4;
  }
  for (; at < view.byteLength; at++) {
    hash = multiply(rotate(xor(hash, multiply([0, view.getUint8(at)], PRIME_5)), 11), PRIME_1);
  }
  hash = multiply(xor(hash, shiftRight(hash, 33)), PRIME_2);
  hash = multiply(xor(hash, shiftRight(hash, 29)), PRIME_3);
  return xor(hash, shiftRight(hash, 32));
}

function stripes(view: DataView, seed: Wide): Wide {
  const lanes: Wide[] = [
    add(add(seed, PRIME_1), PRIME_2),
    add(seed, PRIME_2),
    seed,
    add(seed, multiply(PRIME_1, [0xffffffff, 0xffffffff])),
  ];
  for (let at = 0; view.byteLength - at >= 32; at += 32) {
    for (let i = 0; i < 4; i++) {
      const p = at + 8 * i;
      lanes[i] = mix(lanes[i], [view.getUint32(p + 4, true), view.getUint32(p, true)]);
    }
  }
  let hash = [1, 7, 12, 18].reduce<Wide>((sum, by, i) => add(sum, rotate(lanes[i], by)), [0, 0]);
  for (const lane of lanes) hash = add(multiply(xor(hash, mix([0, 0], lane)), PRIME_1), PRIME_4);
  return hash;
}

/** XXH64 of `bytes` as [high word, low word]. */
export function xxh64(bytes: Uint8Array, seed: Wide = [0, 0]): Wide {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const long = bytes.byteLength >= 32;
  const hash = long ? stripes(view, seed) : add(seed, PRIME_5);
  const length: Wide = [Math.floor(bytes.byteLength / 2 ** 32), bytes.byteLength >>> 0];
  return finish(add(hash, length), view, long ? bytes.byteLength - (bytes.byteLength % 32) : 0);
}

export function hex64(hash: Wide): string {
  return hash.map((word) => word.toString(16).padStart(8, "0")).join("");
}

/** The digest of a tensor: XXH64 over its blocks' digests as eight little-endian bytes each. */
export function digestOfBlocks(blocks: readonly Wide[]): string {
  const bytes = new Uint8Array(blocks.length * 8);
  const view = new DataView(bytes.buffer);
  blocks.forEach(([high, low], i) => {
    view.setUint32(8 * i, low, true);
    view.setUint32(8 * i + 4, high, true);
  });
  return hex64(xxh64(bytes));
}
