/** What a recipe wants done where models do not fit together. */
import type { MismatchPolicy, MissingPolicy, PolicyRule, Recipe } from "../config/types.ts";
import { printable } from "../errors.ts";
import type { Model } from "../format/model.ts";

/** The policies of one recipe; rules in the order in which they were written. */
export interface Policies {
  onMissing: readonly PolicyRule<MissingPolicy>[];
  onMismatch: readonly PolicyRule<MismatchPolicy>[];
  embeddingRows: "cut" | "error";
}

export function policiesOf({ onMissing, onMismatch, embeddingRows }: Recipe): Policies {
  return {
    onMissing: onMissing ?? [],
    onMismatch: onMismatch ?? [],
    embeddingRows: embeddingRows ?? "cut",
  };
}

/** Value of the first rule whose filter is absent, `*`, or a part of the tensor's name. */
export function policyFor<T>(rules: readonly PolicyRule<T>[], tensor: string): T | undefined {
  return rules.find(({ filter }) => {
    return filter === undefined || filter === "*" || tensor.includes(filter);
  })?.value;
}

/** Whether a tensor is a buffer that some versions of a model store and others compute. */
export function isBuffer(name: string, rank: number): boolean {
  if (/\brotary_emb\.inv_freq$|\.(?:attn|attention)\.masked_bias$/.test(name)) return true;
  if (/\bembeddings\.position_ids$/.test(name)) return true;
  return rank === 4 && /\.(?:attn|attention)\.bias$/.test(name);
}

/** Remarks on many tensors: one line for each cause, with the number of tensors it concerns. */
export class Remarks {
  readonly #entries = new Map<string, { tensor: string; more: number }>();

  /** `cause` goes on after a colon: `model.norm.weight and 3 more: <cause>`. */
  add(tensor: string, cause: string): void {
    const entry = this.#entries.get(cause);
    if (entry === undefined) this.#entries.set(cause, { tensor, more: 0 });
    else entry.more++;
  }

  lines(): string[] {
    return [...this.#entries].map(([cause, { tensor, more }]) => {
      return `${printable(tensor)}${more === 0 ? "" : ` and ${more} more`}: ${cause}`;
    });
  }
}

/** Reasons why tensors of models are not used. */
export class Reasons {
  readonly #reasons = new Map<Model, Map<string, string>>();

  add(model: Model, tensor: string, reason: string): void {
    const known = this.#reasons.get(model) ?? new Map();
    this.#reasons.set(model, known.set(tensor, reason));
  }

  of(model: Model, tensor: string): string | undefined {
    return this.#reasons.get(model)?.get(tensor);
  }
}
