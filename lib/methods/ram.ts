import type { Method, ParameterSpec } from "./types.ts";

export const EPSILON: ParameterSpec = {
  name: "epsilon",
  scope: "global",
  type: "number",
  default: 1e-5,
  min: 0,
  about: "A model has changed an element when the delta is larger than this.",
};

/** Average what several models changed; keep what only one did. */
export const ram: Method = {
  name: "ram",
  title: "RAM",
  source: "RAM and RAM+, https://arxiv.org/abs/2601.13572",
  base: "required",
  models: { min: 0, max: 255 },
  parameters: [EPSILON],
  lower(tensor) {
    const base = tensor.base as number;
    if (tensor.others.length === 0) return { op: "copy", input: base };
    const epsilon = Math.fround(tensor.number("epsilon") as number);
    return { op: "ram", base, inputs: tensor.others, epsilon, boost: null };
  },
};
