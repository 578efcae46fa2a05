/** Root mean square norm of each of the first `rows` rows of x, into `out`. */
export function rmsNorm(
  x: Float64Array,
  weight: Float32Array,
  epsilon: number,
  out: Float64Array,
  rows: number,
): void {
  const width = weight.length;
  for (let start = 0; start < rows * width; start += width) {
    let squares = 0;
    for (let k = 0; k < width; k++) squares += x[start + k] * x[start + k];
    const scale = 1 / Math.sqrt(squares / width + epsilon);
    for (let k = 0; k < width; k++) out[start + k] = x[start + k] * scale * weight[k];
  }
}

/** Adds the first `length` elements of y to those of x. */
export function addTo(x: Float64Array, y: Float64Array, length: number): void {
  for (let i = 0; i < length; i++) x[i] += y[i];
}

/** The index of the largest value, the first of equals. */
export function argmax(values: Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}
