import { MergeError } from "../errors.ts";
import type { Method } from "./types.ts";

/** Weighted spherical mean of any number of tensors, or of their deltas to a base. */
export const multislerp: Method = {
  name: "multislerp",
  title: "Multi-SLERP",
  source: "mergekit",
  base: "optional",
  models: { min: 1, max: 255 },
  parameters: [
    { name: "weight", scope: "model", type: "number", about: "Weight of the model." },
    {
      name: "normalize_weights",
      scope: "global",
      type: "boolean",
      default: true,
      about: "Divide the weights by their sum.",
    },
    {
      name: "eps",
      scope: "global",
      type: "number",
      default: 1e-8,
      min: 0,
      about: "Small number that keeps divisions finite.",
    },
  ],
  lower(tensor) {
    const inputs = tensor.others;
    if (inputs.length === 1) return { op: "copy", input: inputs[0] };
    const given = inputs.map((input) => tensor.numberOf("weight", input) as number);
    const sum = given.reduce((total, weight) => total + weight, 0);
    const normalize = tensor.flag("normalize_weights");
    if (normalize && sum === 0) {
      throw new MergeError("OUT_OF_RANGE", `the weights of ${tensor.name} sum to 0`, {
        hint: "change a weight, or set normalize_weights: false",
      });
    }
    const weights = given.map((weight) => (normalize ? weight / sum : weight));
    const whole = { base: tensor.base ?? null, axis: "all", width: tensor.count } as const;
    const parameters = [tensor.number("eps") as number, ...weights];
    return { op: "span", sphere: "multislerp", inputs, ...whole, parameters };
  },
};
