/** Chance that a seed repeats, and damage to texts. */

export class Chance {
  #state;

  constructor(seed) {
    this.#state = BigInt(seed) & 0xffffffffffffffffn;
  }

  /** An integer from 0 up to `limit`, by splitmix64. */
  below(limit) {
    const mask = 0xffffffffffffffffn;
    this.#state = (this.#state + 0x9e3779b97f4a7c15n) & mask;
    let x = this.#state;
    x = ((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    x = ((x ^ (x >> 27n)) * 0x94d049bb133111ebn) & mask;
    return Number((x ^ (x >> 31n)) % BigInt(limit));
  }

  of(list) {
    return list[this.below(list.length)];
  }
}

/** A text with a few of its parts cut out, repeated, replaced by a piece or by part of another. */
export function mutate(text, chance, pieces, others) {
  let value = text;
  for (let edits = chance.below(4); edits >= 0; edits--) {
    const at = chance.below(value.length + 1);
    const cut = chance.below(chance.of([1, 2, 6, 30]));
    const from = chance.of(others);
    const start = chance.below(from.length + 1);
    const insert = chance.of([
      "",
      chance.of(pieces),
      value.slice(at, at + chance.below(20)),
      from.slice(start, start + chance.below(60)),
      String.fromCharCode(chance.below(chance.of([128, 0x10000]))),
    ]);
    value = value.slice(0, at) + insert + value.slice(at + cut);
  }
  return value;
}
