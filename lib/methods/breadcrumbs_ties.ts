import { taskMethod } from "./task.ts";
import type { Method } from "./types.ts";

/** Drop the largest and the smallest delta elements, then elect a sign and combine. */
export const breadcrumbsTies: Method = taskMethod({
  name: "breadcrumbs_ties",
  title: "Model Breadcrumbs (TIES)",
  source: "Davari and Belilovsky 2023, Model Breadcrumbs, https://arxiv.org/abs/2312.06795",
  sparsify: "outliers",
  consensus: true,
  normalize: false,
  rescale: false,
});
