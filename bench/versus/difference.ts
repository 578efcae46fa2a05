import { openModel } from "../../dist/model.js";

/** How the values of two models differ that have the same tensors. */
export interface Difference {
  largest: number;
  /** Of all elements, those that differ by more than `beyond`. */
  share: number;
}

/** NaN against a number is the largest of differences: NaN. */
export function differenceOf(one: string, other: string, beyond: number): Difference {
  const [first, second] = [openModel(one), openModel(other)];
  let largest = 0;
  let count = 0;
  let far = 0;
  for (const name of first.tensors.keys()) {
    const [a, b] = [first.read(name), second.read(name)];
    if (a.length !== b.length) throw new Error(`${name}: ${a.length} and ${b.length} elements`);
    count += a.length;
    for (let i = 0; i < a.length; i++) {
      const difference = Math.abs(a[i] - b[i]);
      if (Number.isNaN(difference)) return { largest: difference, share: 1 };
      if (difference > beyond) far++;
      if (difference > largest) largest = difference;
    }
  }
  return { largest, share: far / count };
}
