import type { Method } from "./types.ts";
import { weightedMean } from "./weights.ts";

/** Weighted average: y = Σ wᵢ·xᵢ, divided by Σ wᵢ when normalizing. */
export const linear: Method = {
  name: "linear",
  title: "Linear (weighted average, model soup)",
  source: "Wortsman et al. 2022, Model soups, https://arxiv.org/abs/2203.05482",
  base: "ignored",
  models: { min: 1, max: 256 },
  parameters: [
    { name: "weight", scope: "model", type: "number", about: "Weight of the model." },
    {
      name: "normalize",
      scope: "global",
      type: "boolean",
      default: true,
      about: "Divide by the sum of the weights.",
    },
  ],
  lower(tensor) {
    const inputs = tensor.others;
    const weights = inputs.map((input) => tensor.numberOf("weight", input) as number);
    return weightedMean(inputs, weights, tensor.flag("normalize"), tensor.name);
  },
};
