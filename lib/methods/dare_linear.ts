import { taskMethod } from "./task.ts";
import type { Method } from "./types.ts";

/** Drop delta elements at random, then combine as task arithmetic. */
export const dareLinear: Method = taskMethod({
  name: "dare_linear",
  title: "DARE (linear)",
  source: "Yu et al. 2023, Language models are super Mario, https://arxiv.org/abs/2311.03099",
  sparsify: "random",
  consensus: false,
  normalize: false,
  rescale: true,
});
