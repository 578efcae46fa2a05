/** Methods over typed arrays: nothing is copied, and one output is allocated. */
import { linear, mergeTensors, slerp, tensor, ties } from "weightloom";

const base = new Float32Array([0, 0, 0, 0]);
const a = new Float32Array([1, -2, 3, 0.1]);
const b = new Float32Array([2, 1, 0.5, 4]);

console.log("linear", linear([a, b], { weight: [0.75, 0.25] }));
console.log("slerp", slerp(a, b, { t: 0.5 }));
console.log("ties", ties([a, b], { base, density: 0.5 }));

// Any method by its name, with the parameters of a recipe.
console.log("karcher", mergeTensors("karcher", [a, b], { parameters: { max_iter: 10 } }));

// Stored bits of other dtypes, with a shape; here 1, 2, 3, 4 as bf16.
const bits = new Uint16Array([0x3f80, 0x4000, 0x4040, 0x4080]);
const half = tensor("BF16", bits, [2, 2]);
const { dtype, shape, data } = linear([half, half]);
console.log("bf16", dtype, shape, data);

// The promise form computes on the pool of threads; the inputs must not change meanwhile.
const signal = AbortSignal.timeout(60_000);
console.log("async", await slerp.async(a, b, { t: 0.25, signal }));
