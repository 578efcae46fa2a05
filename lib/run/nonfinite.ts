/** Results that are NaN or overflow: where they come from, and whether a merge may have them. */
import { MergeError, type Problem, printable, problem } from "../errors.ts";
import type { NonfiniteTensor } from "../merge.ts";
import type { Plan } from "../plan/types.ts";
import type { StepResult } from "./work.ts";

/** What to do about results that are not finite; `warn` and `allow` differ on the command line. */
export type NonfinitePolicy = "error" | "warn" | "allow";

/** @throws MergeError ARGUMENT */
export function chooseNonfinite(policy: NonfinitePolicy = "warn"): NonfinitePolicy {
  if (policy === "error" || policy === "warn" || policy === "allow") return policy;
  const found = String(policy);
  throw new MergeError("ARGUMENT", `onNonfinite: error, warn or allow was expected, not ${found}`);
}

/** Tensors of a plan with results that are not finite. */
export function nonfiniteOf(
  made: Plan,
  results: readonly StepResult[],
  name?: string,
): NonfiniteTensor[] {
  return results.flatMap(({ digest: _, ...counts }, i) => {
    const { nanFromInput, nanBorn, overflowFromInput, overflowBorn } = counts;
    if (nanFromInput + nanBorn + overflowFromInput + overflowBorn === 0) return [];
    const tensor = printable(made.steps[i].tensor);
    return [{ tensor: name === undefined ? tensor : `${printable(name)}/${tensor}`, ...counts }];
  });
}

/** The counts of a tensor in words. */
export function describeNonfinite(found: NonfiniteTensor): string {
  const { nanFromInput, nanBorn, overflowFromInput, overflowBorn } = found;
  const born = `${nanBorn + overflowBorn} born in the merge`;
  return `${born}, ${nanFromInput + overflowFromInput} from the inputs`;
}

const MOST_LISTED = 10;
const HINT = "see which model holds them, or allow them by onNonfinite";

/** @throws MergeError NONFINITE naming the tensors, unless there are none */
export function refuseNonfinite(made: Plan, results: readonly StepResult[]): void {
  const found = nonfiniteOf(made, results);
  if (found.length === 0) return;
  const problems = found.map((each): Problem => {
    const message = `${each.tensor} holds values that are not finite: ${describeNonfinite(each)}`;
    return problem("NONFINITE", message);
  });
  const shown = problems.slice(0, MOST_LISTED).map(({ message }) => message);
  const more = found.length > MOST_LISTED ? [`and ${found.length - MOST_LISTED} more tensors`] : [];
  const message = `finite results were expected:\n  ${[...shown, ...more].join("\n  ")}`;
  throw new MergeError("NONFINITE", message, { hint: HINT, problems });
}
