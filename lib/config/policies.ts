/** Reads what to do where models do not fit: one word, or a list of {filter, value}. */
import { type Check, entry, isRecord, list } from "./check.ts";
import { join } from "./document.ts";
import type { MismatchPolicy, MissingPolicy, PolicyRule } from "./types.ts";

const MISSING = ["error", "skip", "base"] as const;
const MISMATCH = ["error", "skip", "base", "cut"] as const;
const ROWS = ["cut", "error"] as const;

export function readMissing(
  check: Check,
  value: unknown,
  path: string,
): PolicyRule<MissingPolicy>[] {
  return readRules(check, value, path, MISSING);
}

export function readMismatch(
  check: Check,
  value: unknown,
  path: string,
): PolicyRule<MismatchPolicy>[] {
  return readRules(check, value, path, MISMATCH);
}

export function readEmbeddingRows(
  check: Check,
  value: unknown,
  path: string,
): "cut" | "error" | undefined {
  return readWord(check, value, path, ROWS);
}

function readWord<T extends string>(
  check: Check,
  value: unknown,
  path: string,
  words: readonly T[],
): T | undefined {
  const found = words.find((word) => word === value);
  if (found === undefined) check.mismatch(path, `one of ${list(words)}`, value);
  return found;
}

function readRules<T extends string>(
  check: Check,
  value: unknown,
  path: string,
  words: readonly T[],
): PolicyRule<T>[] {
  if (Array.isArray(value)) {
    const items = check.items(value, path, "{filter, value}");
    return items.flatMap((item, i) => readRule(check, item, join(path, i), words));
  }
  if (isRecord(value)) return readRule(check, value, path, words);
  const word = readWord(check, value, path, words);
  return word === undefined ? [] : [{ value: word }];
}

function readRule<T extends string>(
  check: Check,
  value: unknown,
  path: string,
  words: readonly T[],
): PolicyRule<T>[] {
  const record = check.mapping(value, path, ["filter", "value"]);
  if (record === undefined) return [];
  const word = readWord(check, entry(record, "value"), join(path, "value"), words);
  const filter = entry(record, "filter");
  const text =
    filter === undefined
      ? undefined
      : check.text(filter, join(path, "filter"), "a part of a tensor's name");
  if (word === undefined) return [];
  return [text === undefined ? { value: word } : { filter: text, value: word }];
}
