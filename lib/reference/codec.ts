/**
 * Stored bits to binary32 and back, bit by bit; mirrors native/codecs. Decoding is exact. Encoding
 * rounds to nearest even; NaN keeps its sign and top payload bits and becomes quiet; F16, BF16 and
 * F8_E5M2 overflow to infinity, F8_E4M3 saturates at 448.
 *
 * Values travel as the 32-bit patterns of a Uint32Array, because a NaN's payload does not survive
 * being a JavaScript number.
 */
import type { FloatDtype } from "../format/dtype.ts";

const scratch: Uint32Array<ArrayBuffer> = new Uint32Array(1);
const scratchFloat: Float32Array<ArrayBuffer> = new Float32Array(scratch.buffer);

/** The bits of a binary32 value. */
export function bitsOf(value: number): number {
  scratchFloat[0] = value;
  return scratch[0];
}

export function decodeF16(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 31) {
    return (sign | 0x7f800000 | (mantissa << 13) | (mantissa !== 0 ? 0x00400000 : 0)) >>> 0;
  }
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (mantissa << 13)) >>> 0;
  return (sign | bitsOf(mantissa * 2 ** -24)) >>> 0;
}

export function encodeF16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x1ff);
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  return sign | roundMagnitude(magnitude, 10, -14);
}

export function encodeBF16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

export function decodeE4M3(byte: number): number {
  const sign = (byte & 0x80) << 24;
  const exponent = (byte >>> 3) & 0xf;
  const mantissa = byte & 7;
  if ((byte & 0x7f) === 0x7f) return (sign | 0x7fc00000) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 120) << 23) | (mantissa << 20)) >>> 0;
  return (sign | bitsOf(mantissa * 2 ** -9)) >>> 0;
}

export function encodeE4M3(bits: number): number {
  const sign = (bits >>> 24) & 0x80;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7f;
  if (magnitude >= 0x43e00000) return sign | 0x7e;
  return sign | roundMagnitude(magnitude, 3, -6);
}

export function decodeE5M2(byte: number): number {
  return decodeF16(byte << 8);
}

export function encodeE5M2(bits: number): number {
  const sign = (bits >>> 24) & 0x80;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e | ((magnitude >>> 21) & 1);
  if (magnitude >= 0x47700000) return sign | 0x7c;
  return sign | roundMagnitude(magnitude, 2, -14);
}

/** Rounds a finite magnitude to `keep` mantissa bits, subnormal below exponent `least`. */
function roundMagnitude(magnitude: number, keep: number, least: number): number {
  const exponent = (magnitude >>> 23) - 127;
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const below = Math.max(0, least - exponent);
  const shift = 23 - keep + below;
  if (shift > 24) return 0;
  const odd = (significand >>> shift) & 1;
  const rounded = (significand + (1 << (shift - 1)) - 1 + odd) >>> shift;
  return below > 0 ? rounded : ((exponent - least) << keep) + rounded;
}

interface Codec {
  bytes: 1 | 2 | 4;
  decode(stored: number): number;
  encode(bits: number): number;
  /** Bits of the magnitude from which a result is counted as not finite. */
  limit: number;
}

/** Every mergeable dtype. */
export const CODECS: Readonly<Record<FloatDtype, Codec>> = {
  F32: { bytes: 4, decode: (s) => s, encode: (b) => b, limit: 0x7f800000 },
  F16: { bytes: 2, decode: decodeF16, encode: encodeF16, limit: 0x477ff000 },
  BF16: { bytes: 2, decode: (s) => (s << 16) >>> 0, encode: encodeBF16, limit: 0x7f7f8000 },
  F8_E4M3: { bytes: 1, decode: decodeE4M3, encode: encodeE4M3, limit: 0x43e80001 },
  F8_E5M2: { bytes: 1, decode: decodeE5M2, encode: encodeE5M2, limit: 0x47700000 },
};

/** Decodes `out.length` elements that start at byte `at`, which needs no alignment. */
export function decode(dtype: FloatDtype, from: Uint8Array, at: number, out: Uint32Array): void {
  const codec = CODECS[dtype];
  const view = new DataView(from.buffer, from.byteOffset, from.byteLength);
  for (let i = 0; i < out.length; i++) {
    const p = at + i * codec.bytes;
    const stored =
      codec.bytes === 4
        ? view.getUint32(p, true)
        : codec.bytes === 2
          ? view.getUint16(p, true)
          : view.getUint8(p);
    out[i] = codec.decode(stored);
  }
}

/** Encodes all of `bits` to the bytes from `at` on. */
export function encode(dtype: FloatDtype, bits: Uint32Array, to: Uint8Array, at: number): void {
  const codec = CODECS[dtype];
  const view = new DataView(to.buffer, to.byteOffset, to.byteLength);
  for (let i = 0; i < bits.length; i++) {
    const p = at + i * codec.bytes;
    const stored = codec.encode(bits[i]);
    if (codec.bytes === 4) view.setUint32(p, stored, true);
    else if (codec.bytes === 2) view.setUint16(p, stored, true);
    else view.setUint8(p, stored);
  }
}
