import type { Plan, PlanAssets, PlanStep } from "../../../lib/plan/types.ts";
import type { StepResult } from "../../../lib/run/work.ts";

/** What a merge that changes nothing asks of config.json. */
export const NOTHING: PlanAssets = { donor: "", dtype: null, layers: null, vocabSize: null };

export function step(tensor: string, more: Partial<PlanStep> = {}): PlanStep {
  return {
    tensor,
    dtype: "BF16",
    shape: [2, 3],
    count: 6,
    shard: 0,
    offset: 8,
    inputs: [{ source: 0, offset: 16, dtype: "F32", model: 0, tensor: `source of ${tensor}` }],
    operation: { op: "copy", input: 0 },
    ...more,
  };
}

/** A plan with these steps and as many shards; `root` is where the models lie. */
export function planOf(steps: readonly PlanStep[], shards = 1, root = "/models"): Plan {
  const identity = { mtimeNs: "1", inode: "2", device: "3" };
  return {
    format: 1,
    method: "ties",
    seed: "18446744073709551615",
    models: [`${root}/base`, `${root}/other`],
    sources: [
      { path: `${root}/base/model.safetensors`, size: 100, headerHash: "ab", identity },
      { path: `${root}/other/model.safetensors`, size: 200, headerHash: "cd", identity },
    ],
    shards: Array.from({ length: shards }, (_, i) => ({
      name: shards === 1 ? "model.safetensors" : `model-0000${i + 1}-of-0000${shards}.safetensors`,
      size: 1000 + i,
      header: "SGVhZGVy",
    })),
    steps,
    dropped: [{ model: 1, tensor: "lm_head.weight", reason: "the base has none" }],
    notes: [`a remark about ${root}`],
    assets: { ...NOTHING, donor: `${root}/base`, dtype: "BF16" },
    hash: "c0ffee",
  };
}

export function resultOf(more: Partial<StepResult> = {}): StepResult {
  const none = { nanFromInput: 0, nanBorn: 0, overflowFromInput: 0, overflowBorn: 0 };
  return { digest: "0123456789abcdef", ...none, ...more };
}
