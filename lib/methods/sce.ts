import type { Method } from "./types.ts";

/** Select positions of high variance, weigh the models by them, erase minority signs. */
export const sce: Method = {
  name: "sce",
  title: "SCE (select, calculate, erase)",
  source: "Wan et al. 2024, FuseChat, https://arxiv.org/abs/2408.07990",
  base: "required",
  models: { min: 0, max: 255 },
  parameters: [
    {
      name: "select_topk",
      scope: "global",
      type: "number",
      default: 1,
      about: "Share of the varying positions to keep; 1 keeps all.",
    },
    {
      name: "int8_mask",
      scope: "global",
      type: "boolean",
      default: false,
      about: "Accepted and ignored: masks take one bit here.",
    },
  ],
  lower(tensor) {
    const base = tensor.base as number;
    if (tensor.others.length === 0) return { op: "copy", input: base };
    const topk = Math.fround(tensor.number("select_topk") as number);
    return { op: "sce", base, inputs: tensor.others, topk };
  },
};
