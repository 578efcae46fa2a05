/**
 * Results that are NaN or beyond the output dtype's largest value; mirrors
 * native/kernels/nonfinite.h. A NaN takes the sign and payload of the first NaN input, made quiet;
 * one born in the merge is 0x7FC00000.
 */
import type { Tile } from "./tile.ts";

export interface Nonfinite {
  nanFromInput: number;
  nanBorn: number;
  overflowFromInput: number;
  overflowBorn: number;
}

export function noNonfinite(): Nonfinite {
  return { nanFromInput: 0, nanBorn: 0, overflowFromInput: 0, overflowBorn: 0 };
}

/** Settles every result of `out`; `inputs` in their order (a base first). */
export function settle(out: Tile, inputs: readonly Tile[], limit: number, seen: Nonfinite): void {
  for (let i = 0; i < out.bits.length; i++) {
    if ((out.bits[i] & 0x7fffffff) >= limit) out.bits[i] = settleOne(out.bits[i], i, inputs, seen);
  }
}

/** Counts a tile that is copied as it is. */
export function countCopied({ bits }: Tile, seen: Nonfinite): void {
  for (const each of bits) {
    const magnitude = each & 0x7fffffff;
    if (magnitude > 0x7f800000) seen.nanFromInput++;
    else if (magnitude === 0x7f800000) seen.overflowFromInput++;
  }
}

function isNan(bits: number): boolean {
  return (bits & 0x7fffffff) > 0x7f800000;
}

function settleOne(bits: number, i: number, inputs: readonly Tile[], seen: Nonfinite): number {
  if (isNan(bits)) {
    const source = inputs.find((input) => isNan(input.bits[i]));
    if (source === undefined) {
      seen.nanBorn++;
      return 0x7fc00000;
    }
    seen.nanFromInput++;
    return (source.bits[i] | 0x00400000) >>> 0;
  }
  if (inputs.some((input) => (input.bits[i] & 0x7fffffff) === 0x7f800000)) seen.overflowFromInput++;
  else seen.overflowBorn++;
  return bits;
}
