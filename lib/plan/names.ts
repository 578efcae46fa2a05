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

/**
 * Orders names as people read them: text and runs of digits in turn, runs by their number, text by
 * code unit; what ends comes first, then digits.
 */
export function compareNames(a: string, b: string): number {
  const both = Math.min(a.length, b.length);
  let at = 0;
  while (at < both && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  let begin = at;
  while (begin > 0 && isDigit(a, begin - 1)) begin--;
  const digits = Number(isDigit(a, at)) + Number(isDigit(b, at));
  if (digits === 2 || (digits === 1 && begin < at)) return compareRuns(a, b, begin);
  if (at === both) return a.length - b.length;
  if (digits === 1) return isDigit(a, at) ? -1 : 1;
  return a.charCodeAt(at) - b.charCodeAt(at);
}

/** A copy, ordered by name. */
export function sortByName<T extends { name: string }>(items: readonly T[]): T[] {
  return items.toSorted((a, b) => compareNames(a.name, b.name));
}

function isDigit(text: string, at: number): boolean {
  const c = text.charCodeAt(at);
  return c >= 0x30 && c <= 0x39;
}

/** By number, and where that is equal, as text. */
function compareRuns(a: string, b: string, begin: number): number {
  const [left, right] = [runAt(a, begin), runAt(b, begin)];
  const [x, y] = [Number(left), Number(right)];
  if (x !== y) return x - y;
  return left < right ? -1 : 1;
}

function runAt(text: string, begin: number): string {
  let end = begin;
  while (isDigit(text, end)) end++;
  return text.slice(begin, end);
}
