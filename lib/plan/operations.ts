/** Equal operations as one: most tensors of a merge are made by a few of them. */
import type { Operation } from "./types.ts";

/** JSON of operations that was needed before. */
const texts = new WeakMap<Operation, string>();

export function textOfOperation(operation: Operation): string {
  const known = texts.get(operation);
  if (known !== undefined) return known;
  const text = JSON.stringify(operation);
  texts.set(operation, text);
  return text;
}

/** How many of the latest operations are compared before an operation is written as text. */
const LATEST = 4;

export class SharedOperations {
  readonly #known = new Map<string, Operation>();
  readonly #latest: Operation[] = [];

  /** The operation itself, or an equal one that came before. */
  share(operation: Operation): Operation {
    const latest = this.#latest.find((each) => equal(each, operation));
    if (latest !== undefined) return latest;
    const text = textOfOperation(operation);
    const known = this.#known.get(text) ?? operation;
    if (known === operation) this.#known.set(text, operation);
    if (this.#latest.unshift(known) > LATEST) this.#latest.pop();
    return known;
  }
}

/** Whether plain data is equal in every member. */
function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((each, i) => equal(each, b[i]));
  }
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => equal(left[key], right[key]));
}
