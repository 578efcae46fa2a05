import { isAscii, isUtf8 } from "node:buffer";
import { type ErrorCode, MergeError, printable } from "../errors.ts";

export type JsonKind = "object" | "array" | "string" | "number" | "boolean" | "null";

/** What a text is called in messages, which codes its faults carry, and its limits. */
export interface JsonRules {
  /** Noun for messages, such as `the header`. */
  readonly what: string;
  readonly file?: string | undefined;
  readonly notUtf8: ErrorCode;
  readonly notJson: ErrorCode;
  readonly tooDeep: ErrorCode;
  readonly tooMany: ErrorCode;
  /** Most names that one object may have. */
  readonly names: number;
}

/** Deepest nesting of objects and arrays that is read; the outermost counts as one. */
export const MAX_DEPTH = 16;

const TAB = 0x09;
const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const END = -1;

const ESCAPES: ReadonlyMap<number, number> = new Map(
  [...'"\\/bfnrt'].map((c, i) => [c.charCodeAt(0), '"\\/\b\f\n\r\t'.charCodeAt(i)]),
);

/** Strings up to this many bytes are kept for the next time that they occur. */
const SHORT = 16;
/** Slots of that memory, a power of two. */
const SLOTS = 256;
/** Up to this many names of an object are compared one by one. */
const FEW = 8;
/** Bytes that are made text at a time, for `nextMatch`, and those that should be left of them. */
const WINDOW = 1 << 16;
const LEFT = WINDOW >> 2;

/** An object or array that is open; names are those of an object so far. */
interface Frame {
  isObject: boolean;
  empty: boolean;
  readonly few: string[];
  /** All names, once there are more than a few, or where the caller wants them. */
  many: Map<string, unknown> | undefined;
}

/**
 * Reads UTF-8 JSON by pulling: the caller asks for the value that it expects next. Stricter than
 * `JSON.parse`: refuses a name that occurs twice in an object (compared after unescaping), lone
 * surrogates, and nesting beyond `MAX_DEPTH`; numbers are handed over as their text. It does not
 * recurse, builds no tree, and its strings hold no reference to the input.
 *
 * Every refusal is a MergeError with a code of the rules. Before `string`, `number`, `openObject`
 * and so on, `kind` tells what stands next; asking for another kind is refused as bad JSON.
 */
export class JsonScanner {
  readonly #bytes: Buffer;
  readonly #rules: JsonRules;
  /** By depth; those beyond `#depth` are closed, and wait to be used again. */
  readonly #frames: Frame[] = [];
  #depth = 0;
  readonly #short: string[] = new Array(SLOTS).fill("");
  #at = 0;
  /** Text of the bytes from one position to another; empty where not all of them are ASCII. */
  #window = "";
  #windowStart = 0;
  #windowEnd = 0;

  constructor(bytes: Uint8Array, rules: JsonRules) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#rules = rules;
    if (!isUtf8(this.#bytes)) {
      this.#fail(rules.notUtf8, `expected ${rules.what} to be UTF-8, found other bytes`);
    }
  }

  /** Kind of the value that stands next; consumes only white space. */
  kind(): JsonKind {
    const c = this.#next();
    if (c === QUOTE) return "string";
    if (c === MINUS || (c >= ZERO && c <= NINE)) return "number";
    if (c === OPEN_OBJECT) return "object";
    if (c === OPEN_ARRAY) return "array";
    if (c === 0x6e) return "null";
    if (c === 0x74 || c === 0x66) return "boolean";
    return this.#expected("a value");
  }

  /** With `members`, every name becomes a key of it as it is read, for its value to be put there. */
  openObject(members?: Map<string, unknown>): void {
    this.#open(OPEN_OBJECT, '"{"');
    this.#frames[this.#depth - 1].many = members;
  }

  openArray(): void {
    this.#open(OPEN_ARRAY, '"["');
  }

  /** Name of the next member of the open object, whose value must be read next; else closes it. */
  nextName(): string | undefined {
    const frame = this.#frames[this.#depth - 1];
    if (this.#closes(frame, CLOSE_OBJECT, '"," or "}"')) return undefined;
    const at = this.#at;
    const name = this.string();
    this.#remember(frame, name, at);
    this.#take(COLON, '":"');
    return name;
  }

  /**
   * The next member of the open object with its value, where both are written as a sticky pattern
   * says: white space, the name in quotes (group 1, without escapes), a colon, and a value that ends
   * with a quote or bracket. Undefined, with nothing consumed, where they are written otherwise, are
   * longer than 16 KiB, or stand beside text that is not ASCII. Saves single steps where many members
   * have one form; captured text may hold on to what is around it.
   */
  nextMatch(pattern: RegExp): RegExpExecArray | undefined {
    const frame = this.#frames[this.#depth - 1];
    const comma = frame.empty ? 0 : 1;
    if (comma === 1 && this.#peek() !== COMMA) return undefined;
    this.#show(this.#at + comma);
    pattern.lastIndex = this.#at + comma - this.#windowStart;
    const found = pattern.exec(this.#window);
    if (found === null) return undefined;
    this.#remember(frame, found[1], this.#windowStart + found.index + found[0].indexOf('"'));
    frame.empty = false;
    this.#at = this.#windowStart + pattern.lastIndex;
    return found;
  }

  /** True when another item of the open array stands next; else closes the array. */
  nextItem(): boolean {
    const frame = this.#frames[this.#depth - 1];
    return !this.#closes(frame, CLOSE_ARRAY, '"," or "]"');
  }

  /** The value of a string, unescaped and well-formed. */
  string(): string {
    if (this.#next() !== QUOTE) this.#expected("a string");
    const bytes = this.#bytes;
    const length = bytes.length;
    const start = this.#at + 1;
    let at = start;
    let hash = 0;
    let escapes = false;
    while (at < length) {
      const c = bytes[at];
      if (c === QUOTE) {
        this.#at = at + 1;
        if (escapes) return this.#unescape(start, at);
        return at - start > SHORT
          ? bytes.toString("utf8", start, at)
          : this.#intern(start, at, hash);
      }
      if (c < SPACE) break;
      hash = (hash * 31 + c) | 0;
      if (c === BACKSLASH) {
        escapes = true;
        at++;
      }
      at++;
    }
    this.#at = Math.min(at, length);
    return this.#expected("more of a string, or its closing quote,");
  }

  /** The text of a number, as it was written. */
  number(): string {
    const start = this.#skipSpace();
    if (this.#peek() === MINUS) this.#at++;
    if (this.#peek() === ZERO) this.#at++;
    else this.#digits();
    if (this.#peek() === DOT) {
      this.#at++;
      this.#digits();
    }
    if ((this.#peek() | 0x20) === 0x65) {
      this.#at++;
      if (this.#peek() === PLUS || this.#peek() === MINUS) this.#at++;
      this.#digits();
    }
    return this.#bytes.toString("latin1", start, this.#at);
  }

  /** The value of a number whose text is a plain integer; of any other number the text. */
  integer(): number | string {
    const bytes = this.#bytes;
    const start = this.#skipSpace();
    const most = Math.min(bytes.length, start + 15);
    let at = start;
    let value = 0;
    while (at < most && bytes[at] >= ZERO && bytes[at] <= NINE)
      value = value * 10 + bytes[at++] - ZERO;
    const ended = at < bytes.length && (bytes[at] === COMMA || bytes[at] === CLOSE_ARRAY);
    if (ended && at > start && (bytes[start] !== ZERO || at === start + 1)) {
      this.#at = at;
      return value;
    }
    const text = this.number();
    return plainInteger(text) ?? text;
  }

  /** `true`, `false` or `null`. */
  literal(): boolean | null {
    const start = this.#skipSpace();
    for (const value of [true, false, null]) {
      const text = String(value);
      if (this.#bytes.toString("latin1", start, start + text.length) === text) {
        this.#at = start + text.length;
        return value;
      }
    }
    return this.#expected("true, false or null");
  }

  /** Reads past one value, with all checks. */
  skip(): void {
    const floor = this.#depth;
    do {
      const kind = this.kind();
      if (kind === "object") this.openObject();
      else if (kind === "array") this.openArray();
      else if (kind === "string") this.string();
      else if (kind === "number") this.number();
      else this.literal();
      while (this.#depth > floor && !this.#advance());
    } while (this.#depth > floor);
  }

  /** Insists that only white space is left. */
  finish(): void {
    if (this.#next() !== END) this.#expected("nothing more");
  }

  /** Makes sure that enough of what follows a position is in the window, if it is ASCII. */
  #show(at: number): void {
    const bytes = this.#bytes;
    if (this.#windowEnd - at >= LEFT || this.#windowEnd === bytes.length) return;
    const next = bytes.subarray(at, at + WINDOW);
    this.#windowStart = at;
    this.#windowEnd = at + next.length;
    this.#window = isAscii(next) ? next.toString("latin1") : "";
  }

  #advance(): boolean {
    const frame = this.#frames[this.#depth - 1];
    return frame.isObject ? this.nextName() !== undefined : this.nextItem();
  }

  #open(bracket: number, what: string): void {
    this.#take(bracket, what);
    if (this.#depth === MAX_DEPTH) {
      const { tooDeep, what } = this.#rules;
      const message = `expected ${what} to nest at most ${MAX_DEPTH} levels`;
      this.#fail(tooDeep, `${message}, found one more at byte ${this.#at - 1}`);
    }
    this.#frames[this.#depth] ??= { isObject: false, empty: true, few: [], many: undefined };
    const frame = this.#frames[this.#depth++];
    frame.isObject = bracket === OPEN_OBJECT;
    frame.empty = true;
    frame.few.length = 0;
    frame.many = undefined;
  }

  /** Moves to the next member, past a comma; or closes the frame and returns true. */
  #closes(frame: Frame, bracket: number, what: string): boolean {
    if (this.#next() === bracket) {
      this.#at++;
      this.#depth--;
      return true;
    }
    if (frame.empty) frame.empty = false;
    else this.#take(COMMA, what);
    this.#next();
    return false;
  }

  #remember(frame: Frame, name: string, at: number): void {
    if (frame.many === undefined) {
      if (frame.few.includes(name)) this.#refuseTwice(name, at);
      if (frame.few.push(name) <= FEW) return;
      frame.many = new Map(frame.few.slice(0, FEW).map((each) => [each, undefined]));
    }
    const before = frame.many.size;
    frame.many.set(name, undefined);
    if (frame.many.size === before) this.#refuseTwice(name, at);
    const { what, names: most, tooMany } = this.#rules;
    if (frame.many.size > most) {
      this.#fail(tooMany, `expected at most ${most} names per object in ${what}, found more`);
    }
  }

  #refuseTwice(name: string, at: number): never {
    const found = `"${printable(name)}" again at byte ${at}`;
    const message = `expected a name once per object in ${this.#rules.what}, found ${found}`;
    return this.#fail("DUPLICATE_KEY", message);
  }

  /** The string of a few bytes; the same object where it is ASCII and was met lately. */
  #intern(start: number, end: number, hash: number): string {
    const slot = hash & (SLOTS - 1);
    const known = this.#short[slot];
    if (known.length === end - start && this.#stands(known, start)) return known;
    const text = this.#bytes.toString("utf8", start, end);
    this.#short[slot] = text;
    return text;
  }

  #stands(text: string, start: number): boolean {
    for (let i = 0; i < text.length; i++) {
      const c = this.#bytes[start + i];
      if (c > 0x7f || c !== text.charCodeAt(i)) return false;
    }
    return true;
  }

  #digits(): void {
    const start = this.#at;
    while (this.#peek() >= ZERO && this.#peek() <= NINE) this.#at++;
    if (this.#at === start) this.#expected("a digit");
  }

  /** Unescaping never lengthens UTF-8, so the result fits a buffer of the escaped length. */
  #unescape(start: number, end: number): string {
    const bytes = this.#bytes;
    const out = Buffer.allocUnsafe(end - start);
    let length = 0;
    this.#at = start;
    while (this.#at < end) {
      const c = bytes[this.#at++];
      if (c !== BACKSLASH) out[length++] = c;
      else length = encode(this.#escape(), out, length);
    }
    this.#at = end + 1;
    return out.toString("utf8", 0, length);
  }

  /** Code point of the escape whose backslash was just passed. */
  #escape(): number {
    const simple = ESCAPES.get(this.#peek());
    if (simple !== undefined) {
      this.#at++;
      return simple;
    }
    const unit = this.#unit();
    if (unit < 0xd800 || unit > 0xdfff) return unit;
    if (unit < 0xdc00 && this.#peek() === BACKSLASH) {
      this.#at++;
      const low = this.#unit();
      if (low >= 0xdc00 && low <= 0xdfff) return 0x10000 + (unit - 0xd800) * 0x400 + low - 0xdc00;
    }
    return this.#expected("the other half of a surrogate pair just before");
  }

  #unit(): number {
    if (this.#peek() !== 0x75) this.#expected("an escape that JSON knows");
    const text = this.#bytes.toString("latin1", this.#at + 1, this.#at + 5);
    if (!/^[0-9a-fA-F]{4}$/.test(text)) this.#expected("four hexadecimal digits after the \\u");
    this.#at += 5;
    return Number.parseInt(text, 16);
  }

  #peek(): number {
    return this.#at < this.#bytes.length ? this.#bytes[this.#at] : END;
  }

  #take(c: number, what: string): void {
    if (this.#next() !== c) this.#expected(what);
    this.#at++;
  }

  #next(): number {
    this.#skipSpace();
    return this.#peek();
  }

  #skipSpace(): number {
    const bytes = this.#bytes;
    const length = bytes.length;
    let at = this.#at;
    while (at < length && isSpace(bytes[at])) at++;
    this.#at = at;
    return at;
  }

  #expected(what: string): never {
    const found = describeByte(this.#peek());
    const where = `at byte ${this.#at} of ${this.#rules.what}`;
    return this.#fail(this.#rules.notJson, `expected ${what} ${where}, found ${found}`);
  }

  #fail(code: ErrorCode, message: string): never {
    const { file } = this.#rules;
    throw new MergeError(code, message, { place: file === undefined ? undefined : { file } });
  }
}

function isSpace(c: number): boolean {
  return c === SPACE || c === LINE_FEED || c === RETURN || c === TAB;
}

/** Writes a code point as UTF-8; returns the new length. */
function encode(point: number, out: Buffer, length: number): number {
  if (point < 0x80) {
    out[length] = point;
    return length + 1;
  }
  return length + out.write(String.fromCodePoint(point), length, "utf8");
}

function describeByte(c: number): string {
  if (c === END) return "its end";
  if (c > SPACE && c < 0x7f) return `"${String.fromCharCode(c)}"`;
  return `byte 0x${c.toString(16).padStart(2, "0")}`;
}

/**
 * The value of a number's text when it is a plain non-negative integer (digits only, no leading
 * zero) up to 2^53-1; else undefined. `-0`, `2.0` and `2e0` are not plain.
 */
export function plainInteger(text: string): number | undefined {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < ZERO || c > NINE) return undefined;
  }
  if (text.length === 0 || (text.length > 1 && text.charCodeAt(0) === ZERO)) return undefined;
  const value = Number(text);
  return value <= Number.MAX_SAFE_INTEGER ? value : undefined;
}
