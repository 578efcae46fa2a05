import type { Method } from "./types.ts";

/** Move towards the other model where the two are close. */
export const nearswap: Method = {
  name: "nearswap",
  title: "NearSwap",
  source: "alchemonaut, https://huggingface.co/alchemonaut/QuartetAnemoi-70B-t0.0001",
  base: "required",
  models: { min: 1, max: 1 },
  parameters: [
    {
      name: "t",
      scope: "global",
      type: "number",
      about: "Distance below which the other model's value is taken whole.",
    },
  ],
  lower(tensor) {
    const base = tensor.base as number;
    const t = Math.fround(tensor.number("t") as number);
    if (t <= 0) return { op: "copy", input: base };
    return { op: "nearswap", base, input: tensor.others[0], t };
  },
};
