import type { Method } from "./types.ts";

/** The tensor as it is, or times `scale`. With slices: layer stacking (frankenmerges). */
export const passthrough: Method = {
  name: "passthrough",
  title: "Passthrough (layer stacking)",
  source: "mergekit",
  base: "ignored",
  models: { min: 1, max: 1 },
  parameters: [
    {
      name: "scale",
      scope: "model",
      type: "number",
      optional: true,
      about: "Factor on the tensor; absent means an exact copy.",
    },
  ],
  lower(tensor) {
    const [input] = tensor.others;
    const scale = Math.fround(tensor.numberOf("scale", input) ?? 1);
    if (scale === 1) return { op: "copy", input };
    return { op: "linear", inputs: [input], weights: [scale], divisor: null, mean: false };
  },
};
