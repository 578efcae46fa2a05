import type { Operation } from "../plan/types.ts";
import { rowWidth } from "./task.ts";
import type { Method, TensorContext } from "./types.ts";

/** Share of the second model: mergekit takes one half where the weights cancel. */
function shareOf(first: number, second: number): number {
  const sum = first + second;
  return Math.abs(sum) < 1e-6 ? 0.5 : second / sum;
}

/** Which elements form a vector: all, a row (last axis), or a column (first axis). */
function axisOf(tensor: TensorContext): { axis: "all" | "rows" | "columns"; width: number } {
  const { shape, count } = tensor;
  if (tensor.flag("nuslerp_flatten") || shape.length < 2) return { axis: "all", width: count };
  if (tensor.flag("nuslerp_row_wise")) return { axis: "columns", width: count / shape[0] };
  return { axis: "rows", width: rowWidth(shape) };
}

/** Spherical interpolation by weights, of tensors or of their deltas to a base. */
export const nuslerp: Method = {
  name: "nuslerp",
  title: "NuSLERP",
  source: "mergekit",
  base: "optional",
  models: { min: 2, max: 2 },
  parameters: [
    { name: "weight", scope: "model", type: "number", about: "Relative weight of the model." },
    {
      name: "nuslerp_flatten",
      scope: "global",
      type: "boolean",
      default: true,
      about: "Take the whole tensor as one vector.",
    },
    {
      name: "nuslerp_row_wise",
      scope: "global",
      type: "boolean",
      default: false,
      about: "Without flatten: vectors along the first axis instead of the last.",
    },
  ],
  lower(tensor): Operation {
    const inputs = tensor.others;
    const [first, second] = inputs.map((input) => tensor.numberOf("weight", input) as number);
    const parameters = [shareOf(first, second)];
    const base = tensor.base ?? null;
    return { op: "span", sphere: "nuslerp", inputs, base, ...axisOf(tensor), parameters };
  },
};
