/** Where a problem sits: a path inside a recipe, a line in a document, or a file. */
export interface Place {
  /** File the text came from, when there is one. */
  file?: string;
  /** 1-based line and column in that file. */
  line?: number;
  column?: number;
  /** Path inside the recipe, such as `models[1].parameters.weight`. */
  path?: string;
}

/** One thing that is wrong, in a form that can be listed beside others. */
export interface Problem {
  code: ErrorCode;
  /** What was expected, where, and what was found. */
  message: string;
  /** What to do about it. */
  hint?: string;
  place?: Place;
}

/** Every code an error of this package can carry, with the one sentence that defines it. */
export const ERROR_CODES = {
  // recipe text and values
  RECIPE_NOT_YAML: "the recipe is not well-formed YAML",
  RECIPE_TOO_LARGE: "the recipe exceeds a size, depth or alias limit",
  RECIPE_UNREADABLE: "the recipe file cannot be read",
  UNKNOWN_KEY: "a key that this place does not have",
  MISSING_KEY: "a key that must be there is absent",
  WRONG_TYPE: "a value of another type was expected here",
  OUT_OF_RANGE: "a number lies outside the range that its parameter allows",
  UNKNOWN_METHOD: "no merge method has this name",
  UNKNOWN_DTYPE: "no output dtype has this name",
  CONFLICTING_KEYS: "keys that exclude each other are both present",
  MISSING_PARAMETER: "a required parameter has no value for some tensor",
  MODEL_COUNT: "the method takes another number of models",
  BASE_MODEL: "the base model is missing, or is not what the method needs",
  LAYER_RANGE: "a layer range is reversed, empty or outside the model",
  CIRCULAR_RECIPE: "documents of a recipe use each other's results in a circle",
  UNSUPPORTED: "the recipe asks for something that is not built yet",
  SEVERAL_PROBLEMS: "more than one problem; see `problems`",
  // model files
  MODEL_NOT_FOUND: "no model lies at this path",
  NOT_IN_CACHE: "a model of the hub is not in the cache, and downloading is not allowed",
  HUB_UNAVAILABLE: "a model cannot be downloaded from the hub",
  NOT_A_FILE: "a directory, pipe, device or socket stands where a file was expected",
  FILE_UNREADABLE: "the operating system refuses to open or read a file",
  HEADER_TRUNCATED: "the file ends before its header does",
  HEADER_EMPTY: "the header has no bytes",
  HEADER_TOO_LARGE: "the header is longer than 100,000,000 bytes",
  HEADER_NOT_UTF8: "the header is not valid UTF-8",
  HEADER_NOT_JSON: "the header is not well-formed JSON",
  HEADER_TOO_DEEP: "the header nests deeper than 16 levels",
  HEADER_SHAPE: "the header is JSON, but not of the safetensors form",
  DUPLICATE_KEY: "a name occurs twice in one JSON object",
  METADATA_NOT_STRINGS: "`__metadata__` is not a map from strings to strings",
  UNKNOWN_TENSOR_DTYPE: "the format has no dtype of this name",
  BAD_SHAPE: "a shape is not a list of plain non-negative integers within limits",
  SHAPE_OVERFLOW: "the product of a shape exceeds what can be addressed",
  MISALIGNED: "a sub-byte tensor does not fill whole bytes",
  BAD_OFFSETS: "data_offsets is not a pair of plain non-negative integers",
  OFFSET_REVERSED: "a tensor ends before it begins",
  OFFSET_HOLE: "bytes between tensors belong to none",
  OFFSET_OVERLAP: "two tensors share bytes",
  SIZE_MISMATCH: "a span's length differs from shape times dtype",
  FILE_TRUNCATED: "the file ends before its last tensor does",
  FILE_TOO_LONG: "bytes follow the last tensor",
  INDEX_NOT_JSON: "model.safetensors.index.json is not well-formed",
  INDEX_SHAPE: "the index has no weight_map from strings to strings",
  INDEX_TOO_LARGE: "the index exceeds a limit",
  SHARD_NAME: "a shard name is not a plain file name ending in .safetensors",
  SHARD_MISSING: "the index names a shard that is not there",
  INDEX_MISMATCH: "the index and its shards disagree",
  DUPLICATE_TENSOR: "two shards hold a tensor of one name",
  CONFIG_NOT_JSON: "config.json is not well-formed",
  MANIFEST: "there is no manifest, or it is not what a merge writes",
  // plan
  MISSING_TENSOR: "a model lacks a tensor that the others have",
  SHAPE_MISMATCH: "models disagree about a tensor's shape",
  DTYPE_UNSUPPORTED: "a tensor's dtype cannot be merged",
  DUPLICATE_OUTPUT: "two tensors of the output would carry one name",
  TENSOR_DIFFERS: "an integer or boolean tensor is not the same in all models",
  NO_TENSORS: "the recipe yields no tensor",
  MEMORY_BUDGET: "maxMemory is too small for this merge",
  // run
  OUTPUT_EXISTS: "something already lies at the output path",
  OUTPUT_IS_INPUT: "the output path is, or lies inside, an input",
  OUTPUT_BUSY: "another merge is writing to this output",
  WRITE_FAILED: "the operating system refuses a write",
  NO_SPACE: "the disk has no room for the output",
  INPUT_CHANGED: "an input file changed during the merge",
  NONFINITE: "results are NaN or overflow, and the merge was told to refuse them",
  MISSING_PACKAGE: "an optional package that is needed here is not installed",
  ABORTED: "the merge was cancelled",
  ARGUMENT: "an argument of an API call is not what it must be",
  BACKEND: "the backend or device that was asked for is not available",
  DEVICE: "the GPU or its driver has failed",
  DEVICE_MEMORY: "the GPU has too little memory, or maxDeviceMemory is too small",
  INTERNAL: "a defect in weightloom",
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface MergeErrorOptions {
  hint?: string | undefined;
  place?: Place | undefined;
  problems?: readonly Problem[];
  cause?: unknown;
}

/** The one error class of this package. `code` is stable; `message` is for people. */
export class MergeError extends Error {
  /** "AbortError" for ABORTED, as the platform's own cancellations are named; else "MergeError". */
  override readonly name: string;
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly place: Place | undefined;
  /** All problems found, in document order; at least one. */
  readonly problems: readonly Problem[];

  constructor(code: ErrorCode, message: string, options: MergeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = code === "ABORTED" ? "AbortError" : "MergeError";
    this.code = code;
    this.hint = options.hint;
    this.place = options.place;
    this.problems = options.problems ?? [problem(code, message, options.hint, options.place)];
  }
}

/** Makes a problem without undefined fields, so that it prints and serialises cleanly. */
export function problem(code: ErrorCode, message: string, hint?: string, place?: Place): Problem {
  const made: Problem = { code, message };
  if (hint !== undefined) made.hint = hint;
  if (place !== undefined) made.place = place;
  return made;
}

/** Throws when the list is not empty: one problem as itself, several as SEVERAL_PROBLEMS. */
export function throwProblems(problems: readonly Problem[], what: string): void {
  if (problems.length === 0) return;
  const [first] = problems;
  if (problems.length === 1) {
    throw new MergeError(first.code, describe(first), {
      hint: first.hint,
      place: first.place,
      problems,
    });
  }
  const lines = problems.map((each) => `  ${describe(each)}`).join("\n");
  throw new MergeError("SEVERAL_PROBLEMS", `${what}: ${problems.length} problems\n${lines}`, {
    problems,
  });
}

/** `file:line:column: message (hint)`, with what is known. */
export function describe(each: Problem): string {
  const at = each.place;
  const parts =
    at === undefined ? [] : [at.file, at.line, at.column].filter((p) => p !== undefined);
  const where = parts.length > 0 ? `${parts.join(":")}: ` : at?.path ? `${at.path}: ` : "";
  return `${where}${each.message}${each.hint === undefined ? "" : ` (${each.hint})`}`;
}

/** Text from a stranger, made safe to print: control characters escaped, cut at 200 characters. */
export function printable(text: string): string {
  const cut = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  const escaped = (c: string) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
  return cut.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/g, escaped);
}
