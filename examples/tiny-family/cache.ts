/** How large a cache's entries are. */
export interface CacheShape {
  layers: number;
  /** Elements of one token's keys, and of its values, in one layer. */
  width: number;
  vocabulary: number;
}

/**
 * Tokens with their keys, values and logits. Every token names the one before it, so the tokens
 * form a tree, and sequences that begin alike share the work for their common beginning.
 */
export class KeyValueCache {
  readonly tokens: number[] = [];
  /** For each token the index of the one before it; -1 at the start of a sequence. */
  readonly parents: number[] = [];
  /** By layer, then by token. */
  readonly keys: Float64Array[];
  readonly values: Float64Array[];
  logits: Float64Array = new Float64Array(0);
  /** How many of the tokens have their keys, values and logits. */
  computed = 0;
  readonly #shape: CacheShape;
  readonly #children: Map<number, number>[] = [new Map()];

  constructor(shape: CacheShape) {
    this.#shape = shape;
    this.keys = Array.from({ length: shape.layers }, () => new Float64Array(0));
    this.values = Array.from({ length: shape.layers }, () => new Float64Array(0));
  }

  /** The index of `token` after `parent`, which is added unless it is there already. */
  append(token: number, parent: number): number {
    const siblings = this.#children[parent + 1];
    const known = siblings.get(token);
    if (known !== undefined) return known;
    const index = this.tokens.push(token) - 1;
    this.parents.push(parent);
    this.#children.push(new Map());
    siblings.set(token, index);
    return index;
  }

  /** The index of the last of `ids`, a sequence from its start. */
  appendAll(ids: readonly number[]): number {
    return ids.reduce((parent, id) => this.append(id, parent), -1);
  }

  /** The indices of a sequence's tokens, first to last, given its last. */
  path(last: number): number[] {
    const path: number[] = [];
    for (let index = last; index >= 0; index = this.parents[index]) path.push(index);
    return path.reverse();
  }

  /** Makes room for all tokens, and for one row that rounds an odd count up. */
  reserve(): void {
    const { width, vocabulary } = this.#shape;
    const rows = this.tokens.length + 1;
    for (const store of [this.keys, this.values]) {
      for (const [layer, array] of store.entries()) store[layer] = grown(array, rows * width);
    }
    this.logits = grown(this.logits, rows * vocabulary);
  }
}

function grown(array: Float64Array, length: number): Float64Array {
  if (array.length >= length) return array;
  const larger = new Float64Array(2 * length);
  larger.set(array);
  return larger;
}
