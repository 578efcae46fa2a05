/** The elected sum of one element; mirrors native/kernels/ties.h, which specifies it. */
export function elect(
  operation: { weights: readonly number[]; normalize: false | "weights" | "count" },
  deltas: readonly Float32Array[],
  i: number,
): number {
  let vote = deltas[0][i];
  for (let m = 1; m < deltas.length; m++) vote = Math.fround(vote + deltas[m][i]);
  const sign = vote >= 0 ? 1 : -1;
  let sum = 0;
  let weight = 0;
  for (let m = 0; m < deltas.length; m++) {
    const agrees = deltas[m][i] * sign > 0;
    if (agrees) sum = Math.fround(sum + deltas[m][i]);
    const share = operation.normalize === "count" ? 1 : operation.weights[m];
    if (agrees) weight = Math.fround(weight + share);
  }
  if (Number.isNaN(vote)) sum = vote;
  return operation.normalize !== false ? Math.fround(sum / (weight === 0 ? 1 : weight)) : sum;
}
