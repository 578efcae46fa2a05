import { existsSync, lstatSync, readdirSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { MergeError, printable } from "../errors.ts";
import { readSpan, refuse, systemFault, withRegularFile } from "./file.ts";
import { type OpenFile, readHeaderFile } from "./header.ts";
import { Readings } from "./readings.ts";
import { checkIndexSize } from "./shards.ts";
import type { ModelTensor } from "./tensors.ts";

/** config.json: its text as it stands, and its value, always an object. */
export interface ModelConfig {
  text: string;
  value: Record<string, unknown>;
}

/** A model on disk, known by its headers; no descriptor stays open and no tensor byte was read. */
export interface Model {
  /** The path as it was given. */
  path: string;
  /** Where config.json, the tokenizer and other companion files lie. */
  directory: string;
  /** Shards in the order of their names. */
  files: readonly OpenFile[];
  /** By file, then by offset. */
  tensors: ReadonlyMap<string, ModelTensor>;
  /** `__metadata__` of all files; the first file that has a key gives its value. */
  metadata: ReadonlyMap<string, string>;
  config: ModelConfig | undefined;
}

const WHOLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
const CONFIG = "config.json";
const SUFFIX = ".safetensors";
const MAX_CONFIG = 10_000_000;
const MAX_LISTED = 10;

/**
 * Opens a model synchronously: a `.safetensors` file, or a directory. In a directory
 * `model.safetensors` comes first, then `model.safetensors.index.json` with its shards, then a
 * `.safetensors` file that is the only one. All headers are read and checked, and an index must
 * agree with its shards. Models that are opened with the same readings share what is equal.
 */
export function openModel(path: string, readings: Readings = new Readings()): Model {
  const isDirectory = statOf(path).isDirectory();
  const directory = isDirectory ? path : dirname(path);
  const files = isDirectory ? openDirectory(path, readings) : [openFile(path)];
  return {
    path,
    directory,
    files,
    tensors: readings.family(files).tensors,
    metadata: gatherMetadata(files),
    config: readConfig(join(directory, CONFIG)),
  };
}

function statOf(path: string): Stats {
  if (path.includes("\0")) {
    refuse("ARGUMENT", `expected a path, found "${printable(path)}"`, undefined);
  }
  try {
    return statSync(path);
  } catch (cause) {
    const fault = systemFault(cause, path, "MODEL_NOT_FOUND");
    if (!(fault instanceof MergeError) || fault.code !== "MODEL_NOT_FOUND") throw fault;
    const message = "expected a model directory or a .safetensors file, found nothing";
    return refuse("MODEL_NOT_FOUND", message, path, hubHint(path));
  }
}

function hubHint(path: string): string | undefined {
  if (!/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(path)) return undefined;
  return `models are read from disk: to fetch one, \`hf download ${path} --local-dir ${path}\``;
}

function openFile(path: string): OpenFile {
  if (path.endsWith(SUFFIX) || !statOf(path).isFile()) return readHeaderFile(path);
  const name = basename(path);
  const message = `expected a directory or a file ending in ${SUFFIX}, found "${printable(name)}"`;
  const index = name.endsWith(".index.json") ? "give the directory of the index" : undefined;
  return refuse("MODEL_NOT_FOUND", message, path, index ?? otherFormat([name]));
}

function openDirectory(path: string, readings: Readings): OpenFile[] {
  const name = choose(path);
  if (name === INDEX) return openShards(path, readings);
  return [readHeaderFile(join(path, name), (...header) => readings.header(...header))];
}

/** Name of the file to start from: the whole model, its index, or the only candidate. */
function choose(directory: string): string {
  const names = list(directory);
  if (names.includes(WHOLE)) return WHOLE;
  if (names.includes(INDEX)) return INDEX;
  const candidates = names.filter((name) => name.endsWith(SUFFIX)).sort();
  if (candidates.length === 1) return candidates[0];
  if (candidates.length > 1) {
    const message = `expected ${WHOLE}, ${INDEX} or a single ${SUFFIX} file`;
    const found = `found ${candidates.length}: ${listing(candidates.map(printable), ", ")}`;
    const hint = "give the path of one file, or add the index";
    refuse("MODEL_NOT_FOUND", `${message}, ${found}`, directory, hint);
  }
  const message = `expected ${WHOLE}, ${INDEX} or a single ${SUFFIX} file, found none`;
  return refuse("MODEL_NOT_FOUND", message, directory, otherFormat(names));
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (cause) {
    throw systemFault(cause, directory, "MODEL_NOT_FOUND");
  }
}

function otherFormat(names: readonly string[]): string | undefined {
  const found = names.filter((name) => /\.(?:bin|pt|pth|ckpt|gguf)$/.test(name)).sort()[0];
  if (found === undefined) return undefined;
  if (found.endsWith(".gguf")) return "GGUF is not read: use the model that it was made from";
  return `only PyTorch files such as ${printable(found)} are here: convert to safetensors first`;
}

function openShards(directory: string, readings: Readings): OpenFile[] {
  const path = join(directory, INDEX);
  const index = readings.index(readIndex(path), path);
  const { weightMap } = index;
  const names = [...new Set(weightMap.values())].sort();
  const missing = names.filter((name) => !existsSync(join(directory, name)));
  if (missing.length > 0) {
    const message = `expected ${names.length} shards beside the index`;
    const found = `found ${missing.length} missing: ${listing(missing.map(printable), ", ")}`;
    refuse("SHARD_MISSING", `${message}, ${found}`, path, "incomplete download?");
  }
  const parse = (...header: Parameters<Readings["header"]>) => readings.header(...header);
  const files = names.map((name) => readHeaderFile(join(directory, name), parse));
  const { agreed } = readings.family(files);
  if (!agreed.has(index)) checkIndex(weightMap, names, files, path);
  agreed.add(index);
  return files;
}

function readIndex(path: string): Buffer {
  return withRegularFile(path, (descriptor, stat) => {
    checkIndexSize(Number(stat.size), path);
    return readSpan(descriptor, 0, Number(stat.size));
  });
}

/** Insists that index and shards name the same tensors in the same places. */
function checkIndex(
  weightMap: ReadonlyMap<string, string>,
  names: readonly string[],
  files: readonly OpenFile[],
  path: string,
): void {
  if (agree(weightMap, names, files)) return;
  const holders = findHolders(names, files, path);
  const differences: string[] = [];
  for (const [tensor, shard] of weightMap) {
    const holder = holders.get(tensor);
    if (holder === shard) continue;
    const found = holder === undefined ? "no shard" : `"${printable(holder)}"`;
    const where = `the index says "${printable(shard)}"`;
    differences.push(`tensor "${printable(tensor)}": ${where}, found in ${found}`);
  }
  for (const [tensor, holder] of holders) {
    if (weightMap.has(tensor)) continue;
    const found = `found in "${printable(holder)}"`;
    differences.push(`tensor "${printable(tensor)}": not in the index, ${found}`);
  }
  const message = `expected the index to agree with its shards, found ${differences.length}`;
  const text = `${message} differences:\n  ${listing(differences, "\n  ")}`;
  refuse("INDEX_MISMATCH", text, path);
}

/** Whether every tensor is where the index says, and the index says no more. */
function agree(
  weightMap: ReadonlyMap<string, string>,
  names: readonly string[],
  files: readonly OpenFile[],
): boolean {
  let held = 0;
  for (const [file, { header }] of files.entries()) {
    held += header.tensors.size;
    for (const name of header.tensors.keys()) {
      if (weightMap.get(name) !== names[file]) return false;
    }
  }
  return held === weightMap.size;
}

/** The shard that holds each tensor; refuses a tensor that two of them hold. */
function findHolders(names: readonly string[], files: readonly OpenFile[], path: string) {
  const holders = new Map<string, string>();
  const twice: string[] = [];
  files.forEach(({ header }, file) => {
    for (const tensor of header.tensors.keys()) {
      const first = holders.get(tensor);
      if (first === undefined) holders.set(tensor, names[file]);
      else {
        const both = `in "${printable(first)}" and "${printable(names[file])}"`;
        twice.push(`tensor "${printable(tensor)}": ${both}`);
      }
    }
  });
  if (twice.length > 0) {
    const message = `expected every tensor in one shard, found ${twice.length} in several`;
    refuse("DUPLICATE_TENSOR", `${message}:\n  ${listing(twice, "\n  ")}`, path);
  }
  return holders;
}

function gatherMetadata(files: readonly OpenFile[]): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  for (const { header } of files) {
    for (const [key, value] of header.metadata ?? []) {
      if (!metadata.has(key)) metadata.set(key, value);
    }
  }
  return metadata;
}

/** config.json, or undefined when no such name is in the directory. */
function readConfig(path: string): ModelConfig | undefined {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  const read = (descriptor: number, size: number) => {
    if (size <= MAX_CONFIG) return readSpan(descriptor, 0, size);
    const message = `expected ${CONFIG} to have at most ${MAX_CONFIG} bytes, found ${size}`;
    return refuse("CONFIG_NOT_JSON", message, path);
  };
  const bytes = withRegularFile(path, (fd, stat) => read(fd, Number(stat.size)), "FILE_UNREADABLE");
  const text = decode(bytes, path);
  const value = parse(text, path);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const found = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
    refuse("CONFIG_NOT_JSON", `expected ${CONFIG} to be an object, found ${found}`, path);
  }
  return { text, value: value as Record<string, unknown> };
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse("CONFIG_NOT_JSON", `expected ${CONFIG} to be UTF-8, found other bytes`, path);
  }
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = printable((cause as Error).message);
    return refuse("CONFIG_NOT_JSON", `expected ${CONFIG} to be JSON, found: ${reason}`, path);
  }
}

/** The first ten of a list as text, and how many more there are. */
function listing(items: readonly string[], separator: string): string {
  const shown = items.slice(0, MAX_LISTED);
  const rest = items.length - shown.length;
  return [...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].join(separator);
}
