import { taskMethod } from "./task.ts";
import type { Method } from "./types.ts";

/** Drop delta elements at random, small ones more often, then elect a sign and combine. */
export const della: Method = taskMethod({
  name: "della",
  title: "DELLA",
  source: "Deep et al. 2024, DELLA-Merging, https://arxiv.org/abs/2406.11617",
  sparsify: "rank",
  consensus: true,
  normalize: true,
  rescale: true,
});
