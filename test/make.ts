/** Builders of small models in temporary folders, and what tests need to look at a folder. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { MergeError } from "../lib/errors.ts";
import { byteLength, DTYPES, type Dtype, isFloatDtype } from "../lib/format/dtype.ts";
import { serializeHeader, type WrittenTensor } from "../lib/format/header.ts";
import { openModel } from "../lib/model.ts";
import { bitsOf, encode } from "../lib/reference/codec.ts";
import { Random } from "./parity/values.ts";

/** A tensor to write: stored bytes, values, or by default values from a seed and its name. */
export interface TensorSpec {
  dtype: Dtype;
  shape: readonly number[];
  bytes?: Uint8Array;
  values?: readonly number[];
  seed?: number;
}

export type Tensors = Readonly<Record<string, TensorSpec>>;

export interface ModelOptions {
  /** Number of files; with more than one an index is written. */
  shards?: number;
  /** Value of config.json; null for none. */
  config?: Readonly<Record<string, unknown>> | null;
  /** Other files of the folder, by name. */
  companions?: Readonly<Record<string, string>>;
}

/** A temporary folder for the tests of one file. */
export function useFolder(name: string): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), `weightloom-${name}-`)));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, axis) => product * axis, 1);
}

function randomFor(name: string, seed: number): Random {
  let mixed = seed;
  for (const character of name) mixed = (mixed * 31 + character.charCodeAt(0)) >>> 0;
  const random = new Random(mixed);
  for (let i = 0; i < 4; i++) random.word();
  return random;
}

function integerBytes(dtype: Dtype, values: readonly number[]): Uint8Array {
  const width = DTYPES[dtype].bits / 8;
  const bytes = Buffer.alloc(values.length * width);
  values.forEach((value, i) => {
    const wide = BigInt.asUintN(width * 8, BigInt(value));
    for (let k = 0; k < width; k++) bytes[i * width + k] = Number((wide >> BigInt(8 * k)) & 255n);
  });
  return bytes;
}

function floatBytes(dtype: Dtype, values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(byteLength(dtype, values.length));
  if (!isFloatDtype(dtype)) throw new Error(`${dtype} has no values`);
  encode(dtype, Uint32Array.from(values, bitsOf), bytes, 0);
  return bytes;
}

/** The stored bytes of a tensor as `makeModel` writes them. */
export function storedBytes(
  name: string,
  { dtype, shape, bytes, values, seed }: TensorSpec,
): Uint8Array {
  if (bytes !== undefined) return bytes;
  if (values !== undefined) {
    return DTYPES[dtype].kind === "integer"
      ? integerBytes(dtype, values)
      : floatBytes(dtype, values);
  }
  const random = randomFor(name, seed ?? 1);
  const count = elements(shape);
  if (isFloatDtype(dtype)) {
    return floatBytes(
      dtype,
      Array.from({ length: count }, () => random.number() * 0.1),
    );
  }
  return Uint8Array.from({ length: byteLength(dtype, count) }, () => random.word() & 1);
}

/** One safetensors file. */
export function fileBytes(tensors: Tensors): Uint8Array {
  let at = 0;
  const data: Uint8Array[] = [];
  const entries = Object.entries(tensors).map(([name, spec]): WrittenTensor => {
    const bytes = storedBytes(name, spec);
    data.push(bytes);
    const begin = at;
    at += bytes.byteLength;
    return { name, dtype: spec.dtype, shape: spec.shape, begin, end: at };
  });
  return Buffer.concat([serializeHeader(entries, new Map([["format", "pt"]])), ...data]);
}

function shardName(index: number, count: number): string {
  const number = (n: number) => String(n).padStart(5, "0");
  return `model-${number(index + 1)}-of-${number(count)}.safetensors`;
}

function writeShards(folder: string, tensors: Tensors, count: number): void {
  const names = Object.keys(tensors);
  const each = Math.ceil(names.length / count);
  const weightMap: Record<string, string> = Object.create(null);
  for (let shard = 0; shard < count; shard++) {
    const part = names.slice(shard * each, (shard + 1) * each);
    const file = shardName(shard, count);
    for (const name of part) weightMap[name] = file;
    const held = Object.fromEntries(part.map((name) => [name, tensors[name]]));
    writeFileSync(join(folder, file), fileBytes(held));
  }
  const index = JSON.stringify({ metadata: { total_size: 0 }, weight_map: weightMap });
  writeFileSync(join(folder, "model.safetensors.index.json"), index);
}

/** Writes a model and returns its folder. */
export function makeModel(folder: string, tensors: Tensors, options: ModelOptions = {}): string {
  const { shards = 1, config = {}, companions = {} } = options;
  mkdirSync(folder, { recursive: true });
  if (shards > 1) writeShards(folder, tensors, shards);
  else writeFileSync(join(folder, "model.safetensors"), fileBytes(tensors));
  if (config !== null) writeFileSync(join(folder, "config.json"), JSON.stringify(config, null, 2));
  for (const [name, text] of Object.entries(companions)) writeFileSync(join(folder, name), text);
  return folder;
}

/** Writes a model of zeros that takes no room on the disk, whatever its size. */
export function makeSparse(folder: string, tensors: Tensors): string {
  mkdirSync(folder, { recursive: true });
  let at = 0;
  const entries = Object.entries(tensors).map(([name, { dtype, shape }]): WrittenTensor => {
    const begin = at;
    at += byteLength(dtype, elements(shape));
    return { name, dtype, shape, begin, end: at };
  });
  const path = join(folder, "model.safetensors");
  const header = serializeHeader(entries);
  writeFileSync(path, header);
  truncateSync(path, header.byteLength + at);
  return folder;
}

export interface LlamaOptions {
  layers?: number;
  hidden?: number;
  vocab?: number;
  /** Without `lm_head.weight`. */
  tied?: boolean;
  dtype?: Dtype;
  seed?: number;
}

/** Tensors with a Llama's names; a layer has a norm, an attention and an MLP matrix. */
export function llama(options: LlamaOptions = {}): Record<string, TensorSpec> {
  const { layers = 2, hidden = 8, vocab = 16, tied = false, dtype = "BF16", seed = 1 } = options;
  const matrix = (...shape: number[]): TensorSpec => ({ dtype, shape, seed });
  const tensors: Record<string, TensorSpec> = {
    "model.embed_tokens.weight": matrix(vocab, hidden),
  };
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `model.layers.${layer}`;
    tensors[`${prefix}.input_layernorm.weight`] = matrix(hidden);
    tensors[`${prefix}.self_attn.q_proj.weight`] = matrix(hidden, hidden);
    tensors[`${prefix}.mlp.up_proj.weight`] = matrix(2 * hidden, hidden);
  }
  tensors["model.norm.weight"] = matrix(hidden);
  if (!tied) tensors["lm_head.weight"] = matrix(vocab, hidden);
  return tensors;
}

/** Writes a Llama with a config.json that fits it. */
export function makeLlama(
  folder: string,
  options: LlamaOptions = {},
  more: ModelOptions = {},
): string {
  const { layers = 2, vocab = 16, tied = false } = options;
  const config = {
    architectures: ["LlamaForCausalLM"],
    num_hidden_layers: layers,
    tie_word_embeddings: tied,
    torch_dtype: "bfloat16",
    vocab_size: vocab,
  };
  return makeModel(folder, llama(options), { config, ...more });
}

/** The stored bytes of every tensor of a model by name, as text: equal text, equal bytes. */
export function tensorContent(path: string): Record<string, string> {
  const model = openModel(path);
  const read = (name: string) => Buffer.from(model.bytes(name)).toString("latin1");
  return Object.fromEntries([...model.tensors.keys()].sort().map((name) => [name, read(name)]));
}

/** Every file of a folder by name, as text of its bytes; for comparing folders. */
export function folderContent(folder: string): Record<string, string> {
  const names = readdirSync(folder).sort();
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(join(folder, name), "latin1")]),
  );
}

/** Names, sizes and inodes below a folder, to show that nothing came or went. */
export function listTree(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .map((name) => {
      const { size, ino } = statSync(join(folder, String(name)), { throwIfNoEntry: false }) ?? {};
      return `${name} ${size} ${ino}`;
    })
    .sort();
}

/** The MergeError that a call throws or a promise rejects with. */
export async function refusal(run: () => unknown): Promise<MergeError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof MergeError) return error;
    throw error;
  }
  throw new Error("expected a MergeError, found none");
}
