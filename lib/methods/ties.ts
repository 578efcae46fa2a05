import { taskMethod } from "./task.ts";
import type { Method } from "./types.ts";

/** Trim each delta to its largest elements, elect a sign, combine what agrees with it. */
export const ties: Method = taskMethod({
  name: "ties",
  title: "TIES",
  source: "Yadav et al. 2023, TIES-Merging, https://arxiv.org/abs/2306.01708",
  sparsify: "magnitude",
  consensus: true,
  normalize: true,
  rescale: false,
});
