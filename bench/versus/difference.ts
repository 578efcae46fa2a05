import { openModel } from "../../dist/model.js";

/** The largest difference between the values of two models that have the same tensors. */
export function largestDifference(one: string, other: string): number {
  const [first, second] = [openModel(one), openModel(other)];
  let largest = 0;
  for (const name of first.tensors.keys()) {
    const [a, b] = [first.read(name), second.read(name)];
    if (a.length !== b.length) throw new Error(`${name}: ${a.length} and ${b.length} elements`);
    for (let i = 0; i < a.length; i++) {
      const difference = Math.abs(a[i] - b[i]);
      if (Number.isNaN(difference)) return difference;
      if (difference > largest) largest = difference;
    }
  }
  return largest;
}
