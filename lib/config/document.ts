import { MergeError, type Place, printable } from "../errors.ts";

/** Bounds on recipe text, and on the values it stands for once aliases are expanded. */
export const RECIPE_LIMITS = {
  bytes: 1_000_000,
  depth: 32,
  aliases: 100,
  nodes: 100_000,
  /** Words, marks, spaces and line ends of the text, which bound the parser's time. */
  lexemes: 250_000,
  documents: 1_000,
  /** All paths together, since each node keeps its own. */
  pathCharacters: 16_000_000,
  sources: 10_000,
} as const;

/** One document as plain data, with what is needed to point back into its text. */
export interface RecipeDocument {
  /** Strings, finite or other numbers, booleans, null, arrays and null-prototype records. */
  value: unknown;
  /** Where each path stands: a mapping's entry at its key, a list's item at its start. */
  places: ReadonlyMap<string, Place>;
  /** Source text of each unquoted scalar, by path: `0755`, `yes`, `1e-5`. */
  written: ReadonlyMap<string, string>;
}

/** Appends a key or an index to a path: `models[0].parameters.weight`, `tokens["<s>"]`. */
export function join(path: string, step: string | number): string {
  if (typeof step === "number") return `${path}[${step}]`;
  if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(step)) return `${path}[${JSON.stringify(step)}]`;
  return path === "" ? step : `${path}.${step}`;
}

/** Counts what a document unfolds to, and throws RECIPE_TOO_LARGE when a limit is passed. */
export class Budget {
  #nodes = 0;
  #characters = 0;

  /** Accounts for one node at this path, `depth` collections below the root. */
  spend(path: string, depth: number, place?: Place): void {
    this.#nodes += 1;
    this.#characters += path.length;
    if (depth > RECIPE_LIMITS.depth) {
      throw tooLarge(`values nest deeper than ${RECIPE_LIMITS.depth} levels`, place);
    }
    const { nodes, pathCharacters } = RECIPE_LIMITS;
    if (this.#nodes > nodes || this.#characters > pathCharacters) {
      throw tooLarge(`more than ${nodes} values, aliases expanded`, place);
    }
  }

  /** Refuses a list of this length before any of its items is looked at. */
  admit(length: number, place?: Place): void {
    if (this.#nodes + length > RECIPE_LIMITS.nodes) {
      throw tooLarge(`more than ${RECIPE_LIMITS.nodes} values`, place);
    }
  }
}

/** The error for a recipe that passes a limit. */
export function tooLarge(what: string, place?: Place): MergeError {
  return new MergeError("RECIPE_TOO_LARGE", `the recipe is too large: ${what}`, {
    hint: "recipes are small; check that this file is one",
    place,
  });
}

/**
 * Copies a value given in TypeScript into a document without line numbers. Undefined entries
 * are left out; anything that is not plain data stays as it is, for the schema to refuse.
 * Throws RECIPE_TOO_LARGE past a limit, which is where circular values end.
 */
export function documentFromObject(value: unknown): RecipeDocument {
  const places = new Map<string, Place>();
  const budget = new Budget();
  const copy = (from: unknown, path: string, depth: number): unknown => {
    const place: Place = { path };
    budget.spend(path, depth, { path: printable(path) });
    places.set(path, place);
    if (Array.isArray(from)) {
      budget.admit(from.length, place);
      return Array.from(from, (item, i) => copy(item, join(path, i), depth + 1));
    }
    if (!isPlainObject(from)) return from;
    const record: Record<string, unknown> = Object.create(null);
    for (const [key, item] of Object.entries(from)) {
      if (item !== undefined) record[key] = copy(item, join(path, key), depth + 1);
    }
    return record;
  };
  return { value: copy(value, "", 0), places, written: new Map() };
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
