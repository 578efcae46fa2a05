/**
 * The weight of a linear layer, stored as [outputs, inputs]. Both counts must be multiples of four.
 * The elements are widened to float64, which spares the inner loop its conversions, and packed so
 * that the four outputs computed together lie side by side.
 */
export class Matrix {
  readonly outputs: number;
  readonly inputs: number;
  readonly #packed: Float64Array;

  constructor(weights: Float32Array, inputs: number) {
    this.inputs = inputs;
    this.outputs = weights.length / inputs;
    this.#packed = new Float64Array(weights.length);
    for (let out = 0; out < this.outputs; out++) {
      const start = (out - (out % 4)) * inputs + (out % 4);
      for (let k = 0; k < inputs; k++) this.#packed[start + 4 * k] = weights[out * inputs + k];
    }
  }

  /**
   * y = x·Wᵀ for `rows` rows, computed two rows by four outputs at a time. An odd last row is
   * computed together with whatever follows it, so x and y need room for an even number of rows.
   */
  multiply(x: Float64Array, y: Float64Array, rows: number): void {
    for (let out = 0; out < this.outputs; out += 4) {
      for (let row = 0; row < rows; row += 2) this.#tile(x, y, row, out);
    }
  }

  #tile(x: Float64Array, y: Float64Array, row: number, out: number): void {
    const { inputs, outputs } = this;
    const w = this.#packed;
    let [a0, a1, a2, a3] = [0, 0, 0, 0];
    let [b0, b1, b2, b3] = [0, 0, 0, 0];
    const end = (row + 1) * inputs;
    for (let k = row * inputs, i = out * inputs; k < end; k++, i += 4) {
      const a = x[k];
      const b = x[k + inputs];
      const w0 = w[i];
      const w1 = w[i + 1];
      const w2 = w[i + 2];
      const w3 = w[i + 3];
      a0 += a * w0;
      a1 += a * w1;
      a2 += a * w2;
      a3 += a * w3;
      b0 += b * w0;
      b1 += b * w1;
      b2 += b * w2;
      b3 += b * w3;
    }
    const first = row * outputs + out;
    y[first] = a0;
    y[first + 1] = a1;
    y[first + 2] = a2;
    y[first + 3] = a3;
    const second = first + outputs;
    y[second] = b0;
    y[second + 1] = b1;
    y[second + 2] = b2;
    y[second + 3] = b3;
  }
}
