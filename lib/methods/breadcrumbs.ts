import { taskMethod } from "./task.ts";
import type { Method } from "./types.ts";

/** Drop the largest and the smallest delta elements, then combine as task arithmetic. */
export const breadcrumbs: Method = taskMethod({
  name: "breadcrumbs",
  title: "Model Breadcrumbs",
  source: "Davari and Belilovsky 2023, Model Breadcrumbs, https://arxiv.org/abs/2312.06795",
  sparsify: "outliers",
  consensus: false,
  normalize: false,
  rescale: false,
});
