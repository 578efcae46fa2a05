import { createHash } from "node:crypto";
import { type ErrorCode, printable } from "../errors.ts";
import { byteLength, DTYPES, type Dtype, isDtype } from "./dtype.ts";
import { readSpan, refuse, withRegularFile } from "./file.ts";
import { JsonScanner } from "./json.ts";
import { UsualEntries } from "./usual.ts";

/** A tensor as a header declares it; `begin` and `end` count bytes from the start of the data. */
export interface TensorEntry {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
  /** Elements, the product of the shape. */
  count: number;
  begin: number;
  end: number;
}

/** What the header of a safetensors file says, after every check that needs no tensor byte. */
export interface Header {
  /** In the order of their bytes; empty tensors at one place by name. */
  tensors: ReadonlyMap<string, TensorEntry>;
  /** `__metadata__`, or undefined when it is absent or null. */
  metadata: ReadonlyMap<string, string> | undefined;
  /** Absolute offset of the first tensor byte. */
  dataStart: number;
  /** SHA-256 of the header's JSON bytes with their padding, in hexadecimal. */
  hash: string;
}

/** A model file whose header has been read; no descriptor stays open. */
export interface OpenFile {
  path: string;
  size: number;
  header: Header;
  identity: { mtimeNs: string; inode: string; device: string };
}

/** Longest header that is read or written. */
export const MAX_HEADER = 100_000_000;
/** Most tensors in one file. */
export const MAX_TENSORS = 2_000_000;
/** Most dimensions of one tensor. */
export const MAX_RANK = 64;

const PREFIX = 8;
const METADATA = "__metadata__";

/** What a file may be instead, by its first bytes, and what to do about it. */
const IMPOSTORS: readonly (readonly [start: string, hint: string])[] = [
  ["version ", "this looks like a git-lfs pointer: run `git lfs pull`"],
  ["PK\x03\x04", "this looks like a PyTorch or zip file: convert it to safetensors first"],
  ["GGUF", "this looks like a GGUF file: merge the safetensors model that it was made from"],
  ["{", "this looks like JSON, not like a safetensors file"],
  ["<", "this looks like a web page: was the download refused?"],
];

/**
 * The header's length, from the first eight bytes of a file of `fileSize` bytes; the header is
 * then known to lie within the file.
 */
export function parsePrefix(bytes: Uint8Array, fileSize: number, file?: string): number {
  if (bytes.length < PREFIX || fileSize < PREFIX) {
    const found = Math.min(bytes.length, fileSize);
    refuse("HEADER_TRUNCATED", `expected a length prefix of 8 bytes, found ${found}`, file);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, PREFIX).getBigUint64(0, true);
  if (length > MAX_HEADER) {
    const start = Buffer.from(bytes.subarray(0, PREFIX)).toString("latin1");
    const hint = IMPOSTORS.find(([known]) => start.startsWith(known))?.[1];
    const message = `expected a header of at most ${MAX_HEADER} bytes, found a length of ${length}`;
    refuse("HEADER_TOO_LARGE", message, file, hint);
  }
  const size = Number(length);
  if (size > fileSize - PREFIX) {
    const message = `expected a header of ${size} bytes, found ${fileSize - PREFIX} in the file`;
    refuse("HEADER_TRUNCATED", message, file, "incomplete download?");
  }
  if (size === 0) refuse("HEADER_EMPTY", "expected a header, found a length of 0", file);
  return size;
}

/**
 * Reads the JSON of a header, padding included, of a file of `fileSize` bytes. What it returns is
 * consistent: tensors cover the data exactly once, and each span fits its shape and dtype.
 */
export function parseHeader(
  json: Uint8Array,
  fileSize: number,
  file?: string,
  hash: string = digestOf(json),
): Header {
  const { entries: read, metadata } = readJson(json, file);
  const dataStart = PREFIX + json.length;
  const tensors = bySpans(read);
  const end = checkCoverage(tensors.values(), file, (entry, count) => {
    entry.count = count;
  });
  const size = fileSize - dataStart;
  if (end > size) {
    const message = `expected ${end} bytes of tensors after the header, found ${size}`;
    refuse("FILE_TRUNCATED", message, file, "incomplete download?");
  }
  if (end < size) {
    const message = `expected the file to end with its last tensor, found ${size - end} more bytes`;
    refuse("FILE_TOO_LONG", message, file);
  }
  return { tensors, metadata, dataStart, hash };
}

/** SHA-256 in hexadecimal. */
export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * Reads and checks the header of a file, synchronously. Links are followed; anything but a
 * regular file is refused, and opening never waits for one. `parse` may know the header already.
 */
export function readHeaderFile(
  path: string,
  parse: (json: Uint8Array, fileSize: number, file: string) => Header = parseHeader,
): OpenFile {
  return withRegularFile(path, (descriptor, stat) => {
    const size = Number(stat.size);
    const prefix = readSpan(descriptor, 0, Math.min(PREFIX, size));
    const length = parsePrefix(prefix, size, path);
    const json = readSpan(descriptor, PREFIX, length);
    if (json.length < length) {
      const message = `expected a header of ${length} bytes, found ${json.length}`;
      refuse("HEADER_TRUNCATED", message, path);
    }
    const identity = {
      mtimeNs: String(stat.mtimeNs),
      inode: String(stat.ino),
      device: String(stat.dev),
    };
    return { path, size, header: parse(json, size, path), identity };
  });
}

function readJson(json: Uint8Array, file: string | undefined) {
  const scanner = new JsonScanner(json, {
    what: "the header",
    file,
    notUtf8: "HEADER_NOT_UTF8",
    notJson: "HEADER_NOT_JSON",
    tooDeep: "HEADER_TOO_DEEP",
    tooMany: "HEADER_TOO_LARGE",
    names: MAX_TENSORS + 1,
  });
  const kind = scanner.kind();
  if (kind !== "object") {
    refuse("HEADER_SHAPE", `expected the header to be an object, found ${article(kind)}`, file);
  }
  const entries = new Map<string, TensorEntry>();
  const usual = new UsualEntries(METADATA, MAX_RANK);
  let metadata: ReadonlyMap<string, string> | undefined;
  scanner.openObject(entries);
  for (;;) {
    const entry = usual.next(scanner);
    if (entry !== undefined) {
      entries.set(entry.name, entry);
      continue;
    }
    const name = scanner.nextName();
    if (name === undefined) break;
    if (name === METADATA) metadata = readMetadata(scanner, file);
    else entries.set(name, readEntry(scanner, name, file));
  }
  scanner.finish();
  entries.delete(METADATA);
  return { entries, metadata };
}

function readMetadata(scanner: JsonScanner, file: string | undefined) {
  const kind = scanner.kind();
  if (kind === "null") {
    scanner.literal();
    return undefined;
  }
  if (kind !== "object") {
    const message = `expected ${METADATA} to map strings to strings, found ${article(kind)}`;
    refuse("METADATA_NOT_STRINGS", message, file);
  }
  const metadata = new Map<string, string>();
  scanner.openObject();
  for (let key = scanner.nextName(); key !== undefined; key = scanner.nextName()) {
    const found = scanner.kind();
    if (found !== "string") {
      const where = `"${printable(key)}" of ${METADATA}`;
      const message = `expected the value of ${where} to be a string, found ${article(found)}`;
      refuse("METADATA_NOT_STRINGS", message, file);
    }
    metadata.set(key, scanner.string());
  }
  return metadata;
}

/** Reads an entry; `count` stays 0 until the spans are checked. */
function readEntry(scanner: JsonScanner, name: string, file: string | undefined): TensorEntry {
  const kind = scanner.kind();
  if (kind !== "object") {
    const message = `expected ${tensor(name)} to be an object, found ${article(kind)}`;
    refuse("HEADER_SHAPE", message, file);
  }
  let dtype: Dtype | undefined;
  let shape: readonly number[] | undefined;
  let span: readonly number[] | undefined;
  scanner.openObject();
  for (let key = scanner.nextName(); key !== undefined; key = scanner.nextName()) {
    if (key === "dtype") dtype = readDtype(scanner, name, file);
    else if (key === "shape") shape = readIntegers(scanner, SHAPE, name, file);
    else if (key === "data_offsets") span = readIntegers(scanner, OFFSETS, name, file);
    else scanner.skip();
  }
  if (dtype === undefined || shape === undefined || span === undefined) {
    const absent = dtype === undefined ? "dtype" : shape === undefined ? "shape" : "data_offsets";
    const message = `expected ${tensor(name)} to have dtype, shape and data_offsets`;
    refuse("HEADER_SHAPE", `${message}, found no ${absent}`, file);
  }
  return { name, dtype, shape, count: 0, begin: span[0], end: span[1] };
}

function readDtype(scanner: JsonScanner, name: string, file: string | undefined): Dtype {
  const kind = scanner.kind();
  if (kind !== "string") {
    const found = kind === "number" ? scanner.number().slice(0, 40) : article(kind);
    const message = `expected the dtype of ${tensor(name)} to be a string, found ${found}`;
    refuse("HEADER_SHAPE", message, file);
  }
  const dtype = scanner.string();
  if (isDtype(dtype)) return dtype;
  const message = `expected the dtype of ${tensor(name)} to be one that safetensors has`;
  return refuse("UNKNOWN_TENSOR_DTYPE", `${message}, found "${printable(dtype)}"`, file);
}

interface IntegerList {
  readonly code: ErrorCode;
  readonly field: string;
  readonly what: string;
  readonly least: number;
  readonly most: number;
}

const SHAPE: IntegerList = {
  code: "BAD_SHAPE",
  field: "shape",
  what: `at most ${MAX_RANK} plain integers from 0 to 2^53-1`,
  least: 0,
  most: MAX_RANK,
};

const OFFSETS: IntegerList = {
  code: "BAD_OFFSETS",
  field: "data_offsets",
  what: "two plain integers from 0 to 2^53-1",
  least: 2,
  most: 2,
};

function readIntegers(
  scanner: JsonScanner,
  list: IntegerList,
  name: string,
  file: string | undefined,
): readonly number[] {
  const wrong = (found: string): never => {
    const message = `expected ${list.field} of ${tensor(name)} to be ${list.what}, found ${found}`;
    return refuse(list.code, message, file);
  };
  const kind = scanner.kind();
  if (kind !== "array") return wrong(article(kind));
  const values: number[] = [];
  scanner.openArray();
  while (scanner.nextItem()) {
    const found = scanner.kind();
    if (found !== "number") return wrong(`${article(found)} among them`);
    const value = scanner.integer();
    if (typeof value === "string") return wrong(value.slice(0, 40));
    if (values.length === list.most) return wrong("more");
    values.push(value);
  }
  return values.length < list.least ? wrong(`${values.length}`) : values;
}

/** The same entries in the order of their bytes. */
function bySpans(entries: Map<string, TensorEntry>): Map<string, TensorEntry> {
  if (areSorted(entries.values())) return entries;
  const sorted = [...entries.values()].sort(compareSpans);
  return new Map(sorted.map((each) => [each.name, each]));
}

function areSorted(entries: Iterable<WrittenTensor>): boolean {
  let before: WrittenTensor | undefined;
  for (const each of entries) {
    if (before !== undefined && compareSpans(before, each) >= 0) return false;
    before = each;
  }
  return true;
}

/** Checks every span of sorted entries, telling their elements; returns the last end. */
function checkCoverage<T extends WrittenTensor>(
  entries: Iterable<T>,
  file: string | undefined,
  counted?: (entry: T, count: number) => void,
): number {
  let end = 0;
  for (const entry of entries) {
    checkPlace(entry, end, file);
    const count = countElements(entry, file);
    counted?.(entry, count);
    const bytes = byteLength(entry.dtype, count);
    if (!Number.isInteger(bytes)) {
      const message = `expected ${tensor(entry.name)} of dtype ${entry.dtype} to fill whole bytes`;
      refuse("MISALIGNED", `${message}, found ${count} elements`, file);
    }
    if (bytes !== entry.end - entry.begin) {
      const form = `${entry.dtype} [${entry.shape.join(", ")}]`;
      const message = `expected ${tensor(entry.name)} of ${form} to take ${bytes} bytes`;
      refuse("SIZE_MISMATCH", `${message}, found ${entry.end - entry.begin}`, file);
    }
    end = entry.end;
  }
  return end;
}

function compareSpans(a: WrittenTensor, b: WrittenTensor): number {
  return a.begin - b.begin || a.end - b.end || (a.name < b.name ? -1 : 1);
}

function checkPlace(entry: WrittenTensor, expected: number, file: string | undefined): void {
  const { begin, end, name } = entry;
  if (end < begin) {
    const message = `expected ${tensor(name)} to end at or after its begin ${begin}, found ${end}`;
    refuse("OFFSET_REVERSED", message, file);
  }
  if (begin === expected) return;
  const message = `expected ${tensor(name)} to begin at byte ${expected}, found ${begin}`;
  if (begin > expected) refuse("OFFSET_HOLE", `${message}: bytes between belong to none`, file);
  refuse("OFFSET_OVERLAP", `${message}: bytes are shared with the tensor before`, file);
}

/** Product of the shape. Zeros are left out of the limit, so that it does not depend on order. */
function countElements(entry: WrittenTensor, file: string | undefined): number {
  let product = 1;
  let empty = false;
  for (const dimension of entry.shape) {
    if (dimension === 0) empty = true;
    else product *= dimension;
    if (product * DTYPES[entry.dtype].bits > Number.MAX_SAFE_INTEGER) {
      const message = `expected ${tensor(entry.name)} to have at most 2^53-1 bits`;
      refuse("SHAPE_OVERFLOW", `${message}, found the shape [${entry.shape.join(", ")}]`, file);
    }
  }
  return empty ? 0 : product;
}

/** What is needed of a tensor to write its header entry. */
export type WrittenTensor = Omit<TensorEntry, "count">;

/**
 * The bytes before the data: length prefix and JSON, padded with spaces to a multiple of 8.
 * Tensors keep their order. Refuses what `parseHeader` would refuse of names, spans and size.
 */
export function serializeHeader(
  tensors: readonly WrittenTensor[],
  metadata?: ReadonlyMap<string, string>,
): Uint8Array {
  checkNames(tensors);
  checkCoverage(areSorted(tensors) ? tensors : tensors.toSorted(compareSpans), undefined);
  const parts: string[] = [];
  let characters = 0;
  for (const part of writtenParts(tensors, metadata)) {
    parts.push(part);
    characters += part.length;
    checkWrittenSize(characters);
  }
  const json = Buffer.from(`{${parts.join(",")}}`, "utf8");
  const length = Math.ceil(json.length / 8) * 8;
  checkWrittenSize(length);
  const bytes = new Uint8Array(PREFIX + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, PREFIX);
  return bytes;
}

function* writtenParts(
  tensors: readonly WrittenTensor[],
  metadata: ReadonlyMap<string, string> | undefined,
): Generator<string> {
  if (metadata !== undefined) {
    const pairs = [...metadata].map(([key, value]) => `${quote(key)}:${quote(value)}`);
    yield `"${METADATA}":{${pairs.join(",")}}`;
  }
  for (const { name, dtype, shape, begin, end } of tensors) {
    const fields = `"dtype":"${dtype}","shape":[${shape.join(",")}]`;
    yield `${quote(name)}:{${fields},"data_offsets":[${begin},${end}]}`;
  }
}

function checkWrittenSize(size: number): void {
  if (size <= MAX_HEADER) return;
  const message = `expected a header of at most ${MAX_HEADER} bytes, found at least ${size}`;
  refuse("HEADER_TOO_LARGE", message, undefined, "write smaller shards");
}

function checkNames(tensors: readonly WrittenTensor[]): void {
  const names = new Set<string>();
  for (const { name } of tensors) {
    if (name === METADATA) {
      refuse("HEADER_SHAPE", `expected no tensor called ${METADATA}, found one`, undefined);
    }
    if (names.has(name)) {
      const message = `expected every tensor once in a header, found ${tensor(name)} twice`;
      refuse("DUPLICATE_OUTPUT", message, undefined);
    }
    names.add(name);
  }
}

/** Text that is the same in JSON. */
const PLAIN = /^[ !#-[\]-~]*$/;

function quote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  if (/\p{Surrogate}/u.test(text)) {
    const message = `expected well-formed text, found a lone surrogate in "${printable(text)}"`;
    refuse("HEADER_NOT_UTF8", message, undefined);
  }
  return JSON.stringify(text);
}

function tensor(name: string): string {
  return `tensor "${printable(name)}"`;
}

function article(kind: string): string {
  if (kind === "null") return kind;
  return `${/^[aeiou]/.test(kind) ? "an" : "a"} ${kind}`;
}
