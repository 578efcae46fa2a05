import { rowWidth } from "./task.ts";
import type { Method } from "./types.ts";

/** Take the other model's value where it is important. */
export const arceeFusion: Method = {
  name: "arcee_fusion",
  title: "Arcee Fusion",
  source: "Arcee AI; mergekit",
  base: "required",
  models: { min: 1, max: 1 },
  parameters: [],
  lower(tensor) {
    const base = tensor.base as number;
    return { op: "arcee_fusion", base, input: tensor.others[0], width: rowWidth(tensor.shape) };
  },
};
