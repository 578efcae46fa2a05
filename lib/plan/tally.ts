import { type ErrorCode, type Place, type Problem, problem } from "../errors.ts";

interface Entry {
  first: Problem;
  more: number;
}

/** Problems of many tensors, told once for each cause with the number of tensors it concerns. */
export class Tally {
  readonly #entries = new Map<string, Entry>();

  /** `cause` names what is the same among the tensors; the first message stands for all. */
  add(cause: string, code: ErrorCode, message: string, hint?: string, place?: Place): void {
    const entry = this.#entries.get(cause);
    if (entry === undefined) {
      this.#entries.set(cause, { first: problem(code, message, hint, place), more: 0 });
    } else {
      entry.more++;
    }
  }

  problems(): Problem[] {
    return [...this.#entries.values()].map(({ first, more }) => {
      const message = more === 0 ? first.message : `${first.message}, and ${more} more like it`;
      return { ...first, message };
    });
  }
}
