import { MergeError, type Place, type Problem } from "../errors.ts";
import type { Method } from "../methods/types.ts";
import { readContents, readOuter } from "./body.ts";
import { Check, defined, entry, list, nearest } from "./check.ts";
import { documentFromObject, type RecipeDocument } from "./document.ts";
import { readEmbeddingRows, readMismatch, readMissing } from "./policies.ts";
import { readReference } from "./reference.ts";
import { checkRules } from "./rules.ts";
import { readChatTemplate, readTokenizer, readTokenizerSource } from "./tokenizer.ts";
import type { Recipe, RecipeDtype } from "./types.ts";

/** Outcome of reading a recipe. `recipe` is there exactly when `problems` is empty. */
export interface ParsedRecipe {
  recipe?: Recipe;
  /** Everything wrong, up to a hundred, in document order. */
  problems: Problem[];
  /** What was accepted but has no effect; one sentence each, naming its path. */
  notes: string[];
}

const TOP_KEYS = [
  "merge_method",
  "models",
  "slices",
  "modules",
  "base_model",
  "dtype",
  "out_dtype",
  "tokenizer_source",
  "tokenizer",
  "chat_template",
  "parameters",
  "on_missing",
  "on_mismatch",
  "embedding_rows",
  "name",
] as const;

const DTYPES: ReadonlyMap<string, RecipeDtype> = new Map([
  ["float32", "F32"],
  ["float16", "F16"],
  ["bfloat16", "BF16"],
]);

const DTYPE_ALIASES: ReadonlyMap<string, string> = new Map([
  ["bf16", "bfloat16"],
  ["fp16", "float16"],
  ["f16", "float16"],
  ["half", "float16"],
  ["fp32", "float32"],
  ["f32", "float32"],
  ["float", "float32"],
]);

/**
 * Checks a document against the recipe language and the methods, and returns it typed. Finds all
 * problems, not only the first, and throws for none. `file` is named in places that name no file.
 */
export function parseRecipe(
  document: RecipeDocument,
  methods: ReadonlyMap<string, Method>,
  file?: string,
): ParsedRecipe {
  const check = new Check(document, methods, file);
  const recipe = readTop(check);
  const { problems, notes } = check;
  if (recipe !== undefined && problems.length === 0) return { recipe, problems, notes };
  return { problems: problems.sort(byPlace), notes };
}

/** The same for an object written in TypeScript, with the keys of the YAML form. */
export function recipeFromObject(
  value: unknown,
  methods: ReadonlyMap<string, Method>,
): ParsedRecipe {
  try {
    return parseRecipe(documentFromObject(value), methods);
  } catch (error) {
    if (error instanceof MergeError) return { problems: [...error.problems], notes: [] };
    throw error;
  }
}

function byPlace({ place: a }: Problem, { place: b }: Problem): number {
  return (a?.line ?? 0) - (b?.line ?? 0) || (a?.column ?? 0) - (b?.column ?? 0);
}

function readTop(check: Check): Recipe | undefined {
  const top = check.mapping(check.document.value, "", TOP_KEYS);
  if (top === undefined) return undefined;
  const given = <T>(key: string, read: (check: Check, value: unknown, path: string) => T) => {
    const value = entry(top, key);
    return value === undefined ? undefined : read(check, value, key);
  };
  check.method = readMethod(check, entry(top, "merge_method"));
  if (entry(top, "tokenizer_source") !== undefined && entry(top, "tokenizer") !== undefined) {
    const hint = "keep one; `tokenizer.source` says what `tokenizer_source` says";
    const message = "excludes `tokenizer_source`, and both are given";
    check.fail("CONFLICTING_KEYS", "tokenizer", message, hint);
  }
  const recipe: Recipe = defined({
    mergeMethod: check.method?.name ?? "",
    baseModel: given("base_model", readReference),
    ...readContents(check, top),
    parameters: readOuter(check, top, ""),
    dtype: given("dtype", readDtype),
    outDtype: given("out_dtype", readDtype),
    tokenizerSource: given("tokenizer_source", readTokenizerSource),
    tokenizer: given("tokenizer", readTokenizer),
    chatTemplate: given("chat_template", readChatTemplate),
    onMissing: given("on_missing", readMissing),
    onMismatch: given("on_mismatch", readMismatch),
    embeddingRows: given("embedding_rows", readEmbeddingRows),
    name: given("name", readName),
    places: placesOf(check),
  });
  if (check.method !== undefined) checkRules(check, recipe, check.method);
  return recipe;
}

function readMethod(check: Check, value: unknown): Method | undefined {
  const names = [...check.methods.keys()];
  if (value === undefined) {
    check.fail("MISSING_KEY", "", "expected a key `merge_method`", `one of ${list(names)}`);
    return undefined;
  }
  const name = check.text(value, "merge_method", "the name of a merge method");
  if (name === undefined) return undefined;
  const method = check.methods.get(name);
  if (method !== undefined) return method;
  const near = nearest(name, names);
  const known = `methods: ${list(names)}`;
  const hint = near === undefined ? known : `did you mean \`${near}\`? ${known}`;
  check.mismatchedName("UNKNOWN_METHOD", "merge_method", "the name of a merge method", name, hint);
  return undefined;
}

function readDtype(check: Check, value: unknown, path: string): RecipeDtype | undefined {
  const text = check.text(value, path, "the name of a dtype");
  if (text === undefined) return undefined;
  const name = text.replace(/^torch\./, "");
  const dtype = DTYPES.get(name);
  if (dtype !== undefined) return dtype;
  const near = DTYPE_ALIASES.get(name.toLowerCase()) ?? nearestDtype(name);
  const known = `dtypes: ${list([...DTYPES.keys()])}`;
  const hint = near === undefined ? known : `did you mean \`${near}\`?`;
  check.mismatchedName("UNKNOWN_DTYPE", path, "the name of a dtype", text, hint);
  return undefined;
}

function nearestDtype(name: string): string | undefined {
  return /64|8/.test(name) ? undefined : nearest(name, DTYPES.keys());
}

function readName(check: Check, value: unknown, path: string): string | undefined {
  const text = check.text(value, path, "a name");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (text === undefined || !/[/\\\u0000-\u001f]|^\.\.?$/.test(text)) return text;
  check.mismatch(path, "a plain name, for it becomes a folder's", text);
  return undefined;
}

function placesOf(check: Check): Record<string, Place> {
  const places: Record<string, Place> = Object.create(null);
  for (const path of check.document.places.keys()) places[path] = check.place(path);
  return places;
}
