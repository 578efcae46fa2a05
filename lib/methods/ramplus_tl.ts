import { EPSILON } from "./ram.ts";
import type { Method } from "./types.ts";

/** As `ram`, and boost a model's own changes by how much of its changes others share. */
export const ramplusTl: Method = {
  name: "ramplus_tl",
  title: "RAM+ (tensor-local)",
  source: "RAM and RAM+, https://arxiv.org/abs/2601.13572",
  base: "required",
  models: { min: 0, max: 255 },
  parameters: [
    { name: "r", scope: "global", type: "number", default: 0.1, about: "Strength of the boost." },
    {
      name: "alpha",
      scope: "global",
      type: "number",
      default: 0.2,
      about: "Largest ratio of shared to own changes that counts.",
    },
    EPSILON,
  ],
  lower(tensor) {
    const base = tensor.base as number;
    if (tensor.others.length === 0) return { op: "copy", input: base };
    const value = (name: string) => Math.fround(tensor.number(name) as number);
    const boost = { r: value("r"), alpha: value("alpha") };
    return { op: "ram", base, inputs: tensor.others, epsilon: value("epsilon"), boost };
  },
};
