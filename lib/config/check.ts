import { distance } from "fastest-levenshtein";
import { type ErrorCode, type Place, type Problem, printable, problem } from "../errors.ts";
import type { Method } from "../methods/types.ts";
import { join, type RecipeDocument } from "./document.ts";

export type PlainRecord = Readonly<Record<string, unknown>>;

const PROBLEM_LIMIT = 100;

/** One reading of one document: what is known about it, and what was found wrong so far. */
export class Check {
  readonly document: RecipeDocument;
  readonly methods: ReadonlyMap<string, Method>;
  /** Names of the parameters of any method. */
  readonly parameterNames: ReadonlySet<string>;
  readonly problems: Problem[] = [];
  readonly notes: string[] = [];
  /** The recipe's method, once known. */
  method: Method | undefined;
  /** Models and sources seen so far. */
  sources = 0;
  readonly #file: string | undefined;

  constructor(document: RecipeDocument, methods: ReadonlyMap<string, Method>, file?: string) {
    this.document = document;
    this.methods = methods;
    this.#file = file;
    const all = [...methods.values()].flatMap((each) => each.parameters);
    this.parameterNames = new Set(all.map((each) => each.name));
  }

  /** Where a path stands, as far as known. */
  place(path: string): Place {
    const known = this.document.places.get(path) ?? { path };
    return this.#file === undefined ? { ...known } : { file: this.#file, ...known };
  }

  /** Records a problem; `message` goes on after the path. Keeps the first hundred. */
  fail(code: ErrorCode, path: string, message: string, hint?: string): void {
    if (this.problems.length >= PROBLEM_LIMIT) return;
    this.problems.push(problem(code, `${naming(path)}: ${message}`, hint, this.place(path)));
  }

  /** Records something accepted but without effect. */
  note(path: string, message: string): void {
    if (this.notes.length < PROBLEM_LIMIT) this.notes.push(`${naming(path)}: ${message}`);
  }

  /** Records a value that is not of the type expected. */
  mismatch(path: string, expected: string, value: unknown, hint?: string): void {
    this.mismatchedName("WRONG_TYPE", path, expected, value, hint);
  }

  /** Records a value that should have been one of a set of names; `code` says which set. */
  mismatchedName(
    code: ErrorCode,
    path: string,
    expected: string,
    value: unknown,
    hint?: string,
  ): void {
    this.fail(code, path, `expected ${expected}, found ${found(value)}`, hint);
  }

  /** A mapping that has no keys but these. Without `keys`, any. */
  mapping(value: unknown, path: string, keys?: readonly string[]): PlainRecord | undefined {
    if (!isRecord(value)) {
      this.mismatch(path, keys ? `a mapping with ${list(keys)}` : "a mapping", value);
      return undefined;
    }
    for (const key of Object.keys(value)) {
      if (keys && !keys.includes(key)) this.unknownKey(join(path, key), key, keys);
    }
    return value;
  }

  /** A list with at least one item; a problem and no items when it is something else. */
  items(value: unknown, path: string, what: string): readonly unknown[] {
    if (Array.isArray(value) && value.length > 0) return value;
    this.mismatch(path, `a list of ${what}`, value);
    return [];
  }

  /** Text that is not empty. */
  text(value: unknown, path: string, what: string): string | undefined {
    if (typeof value === "string" && value !== "") return value;
    const scalar = typeof value === "number" || typeof value === "boolean";
    this.mismatch(path, what, value, scalar ? "put it in quotes" : undefined);
    return undefined;
  }

  unknownKey(path: string, key: string, allowed: readonly string[]): void {
    if (this.problems.length >= PROBLEM_LIMIT) return;
    const near = nearest(key, allowed);
    const hint = near
      ? `did you mean \`${near}\`?`
      : this.parameterNames.has(key) && allowed.includes("parameters")
        ? "parameters stand under `parameters:`"
        : `known here: ${list(allowed)}`;
    this.fail("UNKNOWN_KEY", path, "unknown key", hint);
  }
}

/** Whether a document's value is a mapping. */
export function isRecord(value: unknown): value is PlainRecord {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.getPrototypeOf(value) === null;
}

/** The entry of a key; undefined when it is absent or null, which mean the same there. */
export function entry(record: PlainRecord, key: string): unknown {
  return record[key] ?? undefined;
}

/** The candidate that a misspelt word was probably meant to be. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > 64) return undefined;
  let best: string | undefined;
  let least = Math.min(word.length, Math.max(1, Math.floor(word.length / 3)) + 1);
  for (const candidate of candidates) {
    const far = distance(word.toLowerCase(), candidate.toLowerCase());
    if (far < least) [best, least] = [candidate, far];
  }
  return best;
}

/** A value in a few words, safe to print. */
export function found(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (typeof value === "string") {
    const cut = value.length > 60 ? `${value.slice(0, 60)}…` : value;
    return value === "" ? "empty text" : `the text "${printable(cut)}"`;
  }
  if (typeof value === "number") return `the number ${value}`;
  if (typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return isRecord(value) ? "a mapping" : `a ${typeof value}`;
}

/** Names in backquotes, as in a sentence. */
export function list(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}

type Optional<T> = {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};
type Certain<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] };

/** The record without its undefined fields. */
export function defined<T extends object>(record: T): Certain<T> & Optional<T> {
  const kept = Object.entries(record).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as Certain<T> & Optional<T>;
}

function naming(path: string): string {
  return path === "" ? "the recipe" : `\`${printable(path)}\``;
}
