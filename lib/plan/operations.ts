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
  if (Array.isArray(a)) return Array.isArray(b) && equalLists(a, b);
  return !Array.isArray(b) && equalRecords(a as PlainRecord, b as PlainRecord);
}

type PlainRecord = Readonly<Record<string, unknown>>;

function equalLists(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  // Compared here first, numbers are not boxed for a call.
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i] && !equal(a[i], b[i])) return false;
  return true;
}

function equalRecords(a: PlainRecord, b: PlainRecord): boolean {
  let more = 0;
  for (const key in a) {
    if (a[key] !== b[key] && !equal(a[key], b[key])) return false;
    more++;
  }
  for (const _ in b) more--;
  return more === 0;
}
