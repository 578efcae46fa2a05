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

export class SharedOperations {
  readonly #known = new Map<string, Operation>();

  /** The operation itself, or an equal one that came before. */
  share(operation: Operation): Operation {
    const text = textOfOperation(operation);
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    this.#known.set(text, operation);
    return operation;
  }
}
