import { rowWidth } from "./task.ts";
import type { Method } from "./types.ts";

/** Between base and mean, as far as the angles of the deltas say. */
export const modelStock: Method = {
  name: "model_stock",
  title: "Model Stock",
  source: "Jang et al. 2024, Model Stock, https://arxiv.org/abs/2403.19522",
  base: "required",
  models: { min: 2, max: 255 },
  parameters: [
    {
      name: "filter_wise",
      scope: "global",
      type: "boolean",
      default: false,
      about: "One ratio for each row instead of one for the tensor.",
    },
  ],
  lower(tensor) {
    const rows = tensor.flag("filter_wise") && tensor.shape.length > 1;
    const axis = rows ? "rows" : "all";
    const width = rows ? rowWidth(tensor.shape) : tensor.count;
    const base = tensor.base as number;
    const inputs = tensor.others;
    return { op: "span", sphere: "model_stock", inputs, base, axis, width, parameters: [] };
  },
};
