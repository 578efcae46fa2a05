/**
 * Whether a model's output head is its embedding. Three facts decide: what config.json says, which
 * of the two tensors are stored, and whether their bytes are equal.
 */
import { MergeError, printable } from "../errors.ts";
import type { Model } from "../format/model.ts";
import { sameBytes } from "../format/same_bytes.ts";
import type { ModelTensor } from "../format/tensors.ts";
import { isBeforeLayers, isVocabularyTensor } from "./names.ts";

/** `tie_word_embeddings` of a model, the language model's own before the whole one's. */
export function tieFlag({ config }: Model): boolean | undefined {
  const top = config?.value;
  const text = top?.text_config;
  const inner = typeof text === "object" && text !== null ? (text as Record<string, unknown>) : {};
  return [inner.tie_word_embeddings, top?.tie_word_embeddings].find((flag) => {
    return typeof flag === "boolean";
  }) as boolean | undefined;
}

export function isHead(name: string): boolean {
  return /(^|\.)lm_head\.weight$/.test(name);
}

export function isEmbedding({ name, shape }: Pick<ModelTensor, "name" | "shape">): boolean {
  return isVocabularyTensor(name, shape.length) && isBeforeLayers(name);
}

/** The token embedding, when the model has one. */
export function embeddingOf(model: Model): ModelTensor | undefined {
  for (const tensor of model.tensors.values()) if (isEmbedding(tensor)) return tensor;
  return undefined;
}

export function headOf(model: Model): ModelTensor | undefined {
  for (const tensor of model.tensors.values()) if (isHead(tensor.name)) return tensor;
  return undefined;
}

/** Whether two tensors of a model hold the same bytes; false for a model that is yet to be made. */
function areEqual(model: Model, a: ModelTensor, b: ModelTensor): boolean {
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return false;
  try {
    return sameBytes(model, a, model, b);
  } catch (error) {
    if (error instanceof MergeError && error.code === "MODEL_NOT_FOUND") return false;
    throw error;
  }
}

/** What the three facts say of one model. */
export type Tie =
  /** No output head is stored: the embedding serves as one. */
  | "absent"
  /** No output head is stored, and config.json says that the embedding does not serve as one. */
  | "headless"
  /** Both are stored, with equal bytes. */
  | "twice"
  /** Both are stored, and they differ although config.json says that they are tied. */
  | "contradiction"
  /** Two tensors of their own. */
  | "apart";

/** Ties of models, each found out once. */
export class Ties {
  readonly #known = new Map<Model, Tie | undefined>();

  /** Undefined for a model without a token embedding. */
  of(model: Model): Tie | undefined {
    if (!this.#known.has(model)) this.#known.set(model, decide(model));
    return this.#known.get(model);
  }

  /** Whether one tensor of a model serves as its embedding and as its output head. */
  areOne(model: Model, a: ModelTensor, b: ModelTensor): boolean {
    if (a.name === b.name) return true;
    const pair = [headOf(model)?.name, embeddingOf(model)?.name];
    return pair.includes(a.name) && pair.includes(b.name) && this.of(model) === "twice";
  }

  /** What is worth telling of the models' ties. `writes`: the output gets an output head. */
  notes(models: Iterable<Model>, writes: boolean): string[] {
    const notes: string[] = [];
    let tied = false;
    for (const model of new Set(models)) {
      const tie = this.of(model);
      const path = printable(model.path);
      if (tie === "absent" && writes) {
        notes.push(`${path}: tied embeddings, no lm_head stored; its embedding takes part as one`);
      } else if (tie === "absent") {
        tied ||= tieFlag(model) === true;
      } else if (tie === "twice") {
        notes.push(`${path}: tied embeddings, lm_head stored with the same bytes`);
      } else if (tie === "contradiction") {
        notes.push(`${path}: config.json says tied embeddings, but lm_head differs from them`);
      }
    }
    return tied ? [...notes, "tied embeddings: no lm_head stored, none written"] : notes;
  }
}

function decide(model: Model): Tie | undefined {
  const embedding = embeddingOf(model);
  if (embedding === undefined) return undefined;
  const flag = tieFlag(model);
  const head = headOf(model);
  if (head === undefined) return flag === false ? "headless" : "absent";
  if (flag === false) return "apart";
  if (areEqual(model, head, embedding)) return "twice";
  return flag === true ? "contradiction" : "apart";
}
