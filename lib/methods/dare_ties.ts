import { taskMethod } from "./task.ts";
import type { Method } from "./types.ts";

/** Drop delta elements at random, then elect a sign and combine what agrees. */
export const dareTies: Method = taskMethod({
  name: "dare_ties",
  title: "DARE (TIES)",
  source: "Yu et al. 2023, Language models are super Mario, https://arxiv.org/abs/2311.03099",
  sparsify: "random",
  consensus: true,
  normalize: false,
  rescale: true,
});
