/** What must be reached: bounds on figures, by suite and case. */
export interface Goal {
  readonly atMost?: number;
  readonly atLeast?: number;
}

const atMost = (bound: number): Goal => ({ atMost: bound });
const atLeast = (bound: number): Goal => ({ atLeast: bound });

export const KERNEL_SHARE: Readonly<Record<string, Goal>> = {
  linear: atLeast(0.85),
  slerp: atLeast(0.85),
  task_arithmetic: atLeast(0.85),
  nearswap: atLeast(0.85),
  ties: atLeast(1 / 2.5),
  dare_ties: atLeast(1 / 2.5),
};

export const MERGE_RATIO: Readonly<Record<string, Goal>> = {
  linear: atMost(1.25),
  slerp: atMost(1.25),
  task_arithmetic: atMost(1.25),
  ties: atMost(1.8),
  dare_ties: atMost(1.8),
  passthrough: atMost(1.05),
};

export const THREADS_SPEEDUP: Readonly<Record<string, Goal>> = {
  ties: atLeast(1.8),
  della: atLeast(1.8),
  dare_ties: atLeast(1.8),
};

export const MERGEKIT_SPEEDUP: Readonly<Record<string, Goal>> = {
  linear: atLeast(8),
  slerp: atLeast(14),
  dare_ties: atLeast(22),
  della: atLeast(45),
  ties: atLeast(50),
};

export const PEAK_MIB: Goal = atMost(128);
export const PLAN_SECONDS: Goal = atMost(1.5);
/** Time for four times the tensors, relative to four times the time. */
export const PLAN_GROWTH: Goal = atMost(1.2);
export const FIRST_LINE_SECONDS: Goal = atMost(0.15);
export const SMALL_TENSORS_MBS: Goal = atLeast(200);

export function isReached(value: number, { atMost: high, atLeast: low }: Goal): boolean {
  return value <= (high ?? Number.POSITIVE_INFINITY) && value >= (low ?? Number.NEGATIVE_INFINITY);
}

export function formatGoal({ atMost: high, atLeast: low }: Goal): string {
  return high === undefined ? `≥ ${low}` : `≤ ${high}`;
}
