import { taskMethod } from "./task.ts";
import type { Method } from "./types.ts";

/** base + λ·Σ wᵢ·(xᵢ − base). */
export const taskArithmetic: Method = taskMethod({
  name: "task_arithmetic",
  title: "Task arithmetic",
  source:
    "Ilharco et al. 2022, Editing models with task arithmetic, https://arxiv.org/abs/2212.04089",
  sparsify: "none",
  consensus: false,
  normalize: false,
  rescale: false,
});
