import type { Method } from "./types.ts";

/** Riemannian (Karcher) mean of the directions, times the mean length. The base is a model too. */
export const karcher: Method = {
  name: "karcher",
  title: "Karcher mean",
  source: "mergekit",
  base: "participant",
  models: { min: 1, max: 255 },
  parameters: [
    {
      name: "max_iter",
      scope: "global",
      type: "integer",
      default: 10,
      min: 0,
      max: 1_000_000,
      about: "Most iterations.",
    },
    {
      name: "tol",
      scope: "global",
      type: "number",
      default: 1e-5,
      min: 0,
      about: "Angle and length below which the mean is reached.",
    },
  ],
  lower(tensor) {
    const inputs = tensor.others;
    if (inputs.length === 1) return { op: "copy", input: inputs[0] };
    const parameters = [tensor.number("max_iter") as number, tensor.number("tol") as number];
    const whole = { base: null, axis: "all", width: tensor.count } as const;
    return { op: "span", sphere: "karcher", inputs, ...whole, parameters };
  },
};
