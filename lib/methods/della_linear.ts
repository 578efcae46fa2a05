import { taskMethod } from "./task.ts";
import type { Method } from "./types.ts";

/** Drop delta elements at random, small ones more often, then combine as task arithmetic. */
export const dellaLinear: Method = taskMethod({
  name: "della_linear",
  title: "DELLA (linear)",
  source: "Deep et al. 2024, DELLA-Merging, https://arxiv.org/abs/2406.11617",
  sparsify: "rank",
  consensus: false,
  normalize: false,
  rescale: true,
});
