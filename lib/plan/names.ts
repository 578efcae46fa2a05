/**
 * What a tensor's name tells. No template knows architectures: the first `.<number>.` of a name is
 * its layer, and everything else follows from the names that the checkpoints hold.
 */
export interface LayeredName {
  /** Text before the layer number, with its dot: `model.layers.`. */
  prefix: string;
  layer: number;
  /** Text after it, with its dot: `.mlp.up_proj.weight`. */
  suffix: string;
}

/** Splits a name at its layer; undefined for tensors outside the layers. */
export function splitLayer(name: string): LayeredName | undefined {
  const match = /(?:^|\.)(0|[1-9]\d{0,8})(?=\.)/.exec(name);
  if (match === null) return undefined;
  const digits = match[1];
  const at = match.index + match[0].length - digits.length;
  return {
    prefix: name.slice(0, at),
    layer: Number(digits),
    suffix: name.slice(at + digits.length),
  };
}

export function joinLayer(prefix: string, layer: number, suffix: string): string {
  return `${prefix}${layer}${suffix}`;
}

const EMBEDDING = /(^|[._])(embed|embd|wte|wpe|embeddings?|embed_tokens|embed_in|word_embeddings)/;
const TOKENS = /(^|[._])(embed_tokens|wte|word_embeddings|tok_embeddings|embed_in)\.weight$/;
const UNEMBEDDING = /(^|[._])(lm_head|embed_out|unembed|output|output_layer|head)\.weight$/;

/** Whether a tensor outside the layers belongs before them (embeddings) or after (norm, head). */
export function isBeforeLayers(name: string): boolean {
  return EMBEDDING.test(name) && !UNEMBEDDING.test(name);
}

/** Whether a two-dimensional tensor has one row for each token of the vocabulary. */
export function isVocabularyTensor(name: string, rank: number): boolean {
  if (rank !== 2 || !name.endsWith(".weight")) return false;
  if (!TOKENS.test(name) && !UNEMBEDDING.test(name)) return false;
  return splitLayer(name) === undefined;
}

/** Orders names as people read them: runs of digits by their number, the rest by code unit. */
export function compareNames(a: string, b: string): number {
  return compareParts(partsOf(a), partsOf(b));
}

/** A copy, ordered by name. */
export function sortByName<T extends { name: string }>(items: readonly T[]): T[] {
  const keyed = items.map((item) => ({ item, parts: partsOf(item.name) }));
  return keyed.sort((a, b) => compareParts(a.parts, b.parts)).map(({ item }) => item);
}

/** Text and runs of digits in turn, beginning with text. */
function partsOf(name: string): string[] {
  return name.split(/(\d+)/);
}

function compareParts(left: readonly string[], right: readonly string[]): number {
  const both = Math.min(left.length, right.length);
  for (let i = 0; i < both; i++) {
    if (left[i] === right[i]) continue;
    const numeric = i % 2 === 1 ? Number(left[i]) - Number(right[i]) : 0;
    return numeric !== 0 ? numeric : left[i] < right[i] ? -1 : 1;
  }
  return left.length - right.length;
}
