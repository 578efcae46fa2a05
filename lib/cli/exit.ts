import type { ErrorCode, MergeError } from "../errors.ts";

/**
 * Exit codes: 0 done; 1 a defect; 2 wrong arguments or recipe; 3 a model file or the fit of the
 * models; 4 the output cannot be written; 5 an input changed during the merge; 6 a GPU or its
 * driver failed; 130 cancelled.
 */
const OUTPUT: readonly ErrorCode[] = [
  "OUTPUT_EXISTS",
  "OUTPUT_IS_INPUT",
  "OUTPUT_BUSY",
  "WRITE_FAILED",
  "NO_SPACE",
];
const ARGUMENTS: readonly ErrorCode[] = [
  "RECIPE_NOT_YAML",
  "RECIPE_TOO_LARGE",
  "RECIPE_UNREADABLE",
  "UNKNOWN_KEY",
  "MISSING_KEY",
  "WRONG_TYPE",
  "OUT_OF_RANGE",
  "UNKNOWN_METHOD",
  "UNKNOWN_DTYPE",
  "CONFLICTING_KEYS",
  "MISSING_PARAMETER",
  "MODEL_COUNT",
  "BASE_MODEL",
  "LAYER_RANGE",
  "CIRCULAR_RECIPE",
  "UNSUPPORTED",
  "SEVERAL_PROBLEMS",
  "ARGUMENT",
  "BACKEND",
  "MEMORY_BUDGET",
  "DEVICE_MEMORY",
];

/** Of several problems, the exit code that all of them have; where they differ, 2. */
export function exitCodeOf({ code, problems }: Pick<MergeError, "code" | "problems">): number {
  if (code !== "SEVERAL_PROBLEMS") return exitCodeFor(code);
  const [first, ...others] = new Set(problems.map((each) => exitCodeFor(each.code)));
  return others.length === 0 ? first : exitCodeFor(code);
}

function exitCodeFor(code: ErrorCode): number {
  if (code === "INTERNAL") return 1;
  if (ARGUMENTS.includes(code)) return 2;
  if (OUTPUT.includes(code)) return 4;
  if (code === "INPUT_CHANGED") return 5;
  if (code === "DEVICE") return 6;
  return code === "ABORTED" ? 130 : 3;
}
