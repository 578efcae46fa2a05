/**
 * Members of headers and indexes as safetensors and transformers write them, each read in one go.
 * Whatever is written otherwise is left to the scanner's single steps, which alone refuse.
 */
import { DTYPES, type Dtype } from "./dtype.ts";
import type { TensorEntry } from "./header.ts";
import type { JsonScanner } from "./json.ts";

const BLANK = "[ \\t\\r\\n]*";
/** What a string without escapes holds. */
const TEXT = '[^"\\\\\\x00-\\x1f]*';
const INTEGER = "(?:0|[1-9]\\d{0,14})";

/** The same string object for the same dtype. */
const DTYPE_NAMES: ReadonlyMap<string, Dtype> = new Map(
  (Object.keys(DTYPES) as Dtype[]).map((name) => [name, name]),
);

/** Reads entries of a header; equal shapes are one object. */
export class UsualEntries {
  readonly #pattern: RegExp;
  readonly #shapes = new Map<string, readonly number[]>([["", []]]);

  /** `metadata`: the one name that is no tensor's; `rank`: the most dimensions. */
  constructor(metadata: string, rank: number) {
    this.#pattern = new RegExp(
      `${BLANK}"((?!${metadata}")${TEXT})":` +
        `\\{"dtype":"(${[...DTYPE_NAMES.keys()].join("|")})",` +
        `"shape":\\[((?:${INTEGER}(?:,${INTEGER}){0,${rank - 1}})?)\\],` +
        `"data_offsets":\\[(${INTEGER}),(${INTEGER})\\]\\}`,
      "y",
    );
  }

  /** The next entry, whose elements are not counted yet; undefined when it is not a usual one. */
  next(scanner: JsonScanner): TensorEntry | undefined {
    const found = scanner.nextMatch(this.#pattern);
    if (found === undefined) return undefined;
    const [, name, dtypeName, shapeText, begin, end] = found;
    const dtype = DTYPE_NAMES.get(dtypeName) as Dtype;
    const shape = this.#shapeOf(shapeText);
    return { name, dtype, shape, count: 0, begin: Number(begin), end: Number(end) };
  }

  #shapeOf(text: string): readonly number[] {
    const known = this.#shapes.get(text);
    if (known !== undefined) return known;
    const shape = text.split(",").map(Number);
    this.#shapes.set(text, shape);
    return shape;
  }
}

const PLACE = new RegExp(`${BLANK}"(${TEXT})"${BLANK}:${BLANK}"(${TEXT})"`, "y");

/** The next member of a weight_map, a tensor and its shard; undefined when it is not a usual one. */
export function nextUsualPlace(scanner: JsonScanner): [tensor: string, shard: string] | undefined {
  const found = scanner.nextMatch(PLACE);
  return found === undefined ? undefined : [found[1], found[2]];
}
