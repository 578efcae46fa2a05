/** Outputs in memory that are far larger than the caches are written past them. */
import { expect, test } from "vitest";
import { linear, mergeTensors, type TensorLike, ties } from "../../../lib/arrays.ts";
import { bytesOf, type Tensor, tensor } from "../../../lib/tensor.ts";

const COUNT = 17_000_003;
const data = new Uint16Array(COUNT);
for (let i = 0; i < COUNT; i++) data[i] = 0x3c00 + (Math.imul(i, 2654435761) >>> 22);
const x = tensor("BF16", data, [COUNT]);

function expectEqual(y: TensorLike): void {
  expect(Buffer.from(bytesOf(y as Tensor)).equals(bytesOf(x))).toBe(true);
}

test.each([1, 2])("every element arrives, with %i threads", async (threads) => {
  const options = { backend: "native", threads } as const;
  expectEqual(linear([x, x], options));
  expectEqual(await ties.async([x, x], { ...options, base: x, density: 0.5 }));
  expectEqual(mergeTensors("passthrough", [x], options));
});
