/**
 * Reductions in binary64: element i goes to lane i mod 16; the 16 lanes of a block of 65,536
 * elements are folded pairwise (8, 4, 2, 1); blocks are added in order.
 */
export const BLOCK = 65_536;

/** Adds `term(i)` for every element of a block, and folds. */
export function sumBlock(count: number, term: (i: number) => number): number {
  const lanes = new Float64Array(16);
  for (let i = 0; i < count; i++) lanes[i & 15] += term(i);
  for (let width = 8; width >= 1; width /= 2) {
    for (let i = 0; i < width; i++) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}
