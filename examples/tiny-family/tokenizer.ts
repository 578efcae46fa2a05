/** The parts of `tokenizer.json` that a character tokenizer needs. */
export interface TokenizerFile {
  model: { vocab: Record<string, number> };
}

/** The tokenizer of the tiny family: one token per character, `<bos>` in front. */
export class Tokenizer {
  readonly bos: number;
  readonly eos: number;
  readonly #ids: ReadonlyMap<string, number>;
  readonly #tokens: ReadonlyMap<number, string>;

  constructor(file: TokenizerFile) {
    const entries = Object.entries(file.model.vocab);
    this.#ids = new Map(entries);
    this.#tokens = new Map(entries.map(([token, id]) => [id, token]));
    this.bos = this.#id("<bos>");
    this.eos = this.#id("<eos>");
  }

  /** The ids of a prompt, with `<bos>` in front. */
  encode(text: string): number[] {
    return [this.bos, ...this.characters(text)];
  }

  /** The ids of the characters alone. */
  characters(text: string): number[] {
    return Array.from(text, (character) => this.#id(character));
  }

  /** The text of some ids; special tokens appear by name. */
  decode(ids: readonly number[]): string {
    return ids.map((id) => this.#tokens.get(id) ?? "?").join("");
  }

  #id(token: string): number {
    const id = this.#ids.get(token);
    if (id === undefined) throw new Error(`the vocabulary has no token "${token}"`);
    return id;
  }
}
