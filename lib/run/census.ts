/** The step that finds the thresholds of whole models, made from a plan's trims. */
import type { Plan } from "../plan/types.ts";
import type { Census, WorkInput, WorkStep } from "./work.ts";

interface Member {
  trim: number;
  first: number;
  count: number;
  inputs: readonly WorkInput[];
}

/** Every tensor's part of every trim. */
function* membersOf({ steps }: Plan): Generator<Member> {
  for (const { operation, inputs, count } of steps) {
    if (operation.op !== "task") continue;
    for (const [m, sparsify] of operation.sparsify.entries()) {
      if (sparsify.kind !== "global") continue;
      const { trim, first } = sparsify;
      yield { trim, first, count, inputs: [inputs[operation.inputs[m]], inputs[operation.base]] };
    }
  }
}

/** The census of a plan; undefined when nothing is selected over whole models. */
export function censusOf(plan: Plan): WorkStep | undefined {
  const { trims } = plan;
  if (trims === undefined) return undefined;
  const members = [...membersOf(plan)].sort((a, b) => a.trim - b.trim || a.first - b.first);
  const operation: Census = {
    op: "census",
    keep: trims.map(({ keep }) => keep),
    pairs: members.map(({ trim, count }) => ({ trim, count })),
  };
  return {
    tensor: "(all)",
    dtype: "F32",
    count: trims.reduce((sum, { count }) => sum + count, 0),
    output: 0,
    offset: 0,
    inputs: members.flatMap(({ inputs }) => inputs),
    operation,
  };
}
