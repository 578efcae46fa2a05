import type { Method } from "./types.ts";

/** Spherical interpolation between two models; t = 0 is the base. */
export const slerp: Method = {
  name: "slerp",
  title: "SLERP (spherical linear interpolation)",
  source: "Shoemake 1985, Animating rotation with quaternion curves",
  base: "among",
  models: { min: 2, max: 2 },
  parameters: [
    {
      name: "t",
      scope: "global",
      type: "number",
      about: "Where on the arc: 0 gives the base model, 1 the other.",
    },
  ],
  lower(tensor) {
    const t = tensor.number("t") as number;
    const from = tensor.base as number;
    const to = tensor.others.find((input) => input !== from);
    if (to === undefined || t === 0) return { op: "copy", input: from };
    if (t === 1) return { op: "copy", input: to };
    const inputs = [from, to];
    const whole = { base: null, axis: "all", width: tensor.count } as const;
    return { op: "span", sphere: "slerp", inputs, ...whole, parameters: [t] };
  },
};
