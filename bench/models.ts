/** Models on the disk, in the page cache once they are written. */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { serializeHeader, type WrittenTensor } from "../dist/format/header.js";
import { elements, type Llama, type TensorShape } from "./llama.ts";
import { Weights } from "./weights.ts";

/** Elements that are made and written at a time. */
const CHUNK = 1 << 22;

/** The header of a file of bf16 tensors in the given order. */
export function headerOf(tensors: readonly TensorShape[]): Uint8Array {
  let at = 0;
  const entries = tensors.map((each): WrittenTensor => {
    const begin = at;
    at += 2 * elements(each);
    return { name: each.name, dtype: "BF16", shape: each.shape, begin, end: at };
  });
  return serializeHeader(entries, new Map([["format", "pt"]]));
}

function writeWeights(path: string, tensors: readonly TensorShape[], seed: number): void {
  const descriptor = openSync(path, "w");
  const weights = new Weights(seed);
  const chunk = new Uint16Array(CHUNK);
  writeSync(descriptor, headerOf(tensors));
  for (let left = tensors.reduce((sum, each) => sum + elements(each), 0); left > 0; ) {
    const part = chunk.subarray(0, Math.min(left, CHUNK));
    weights.fill(part);
    writeSync(descriptor, part);
    left -= part.length;
  }
  closeSync(descriptor);
}

/** Folders of `count` models, the base first; those that are there already are taken as they are. */
export function makeModels(folder: string, { tensors, config }: Llama, count: number): string[] {
  return Array.from({ length: count }, (_, seed) => {
    const path = join(folder, `model-${seed}`);
    if (existsSync(join(path, "config.json"))) return path;
    mkdirSync(path, { recursive: true });
    writeWeights(join(path, "model.safetensors"), tensors, seed);
    writeFileSync(join(path, "config.json"), JSON.stringify(config));
    return path;
  });
}

/** Writes shards that hold their headers and zeros without room on the disk, and their index. */
export function makeSparse(folder: string, shards: readonly (readonly TensorShape[])[]): string {
  mkdirSync(folder, { recursive: true });
  const weightMap: Record<string, string> = {};
  for (const [at, tensors] of shards.entries()) {
    const name = `model-${String(at + 1).padStart(5, "0")}.safetensors`;
    const header = headerOf(tensors);
    const bytes = tensors.reduce((sum, each) => sum + 2 * elements(each), 0);
    writeFileSync(join(folder, name), header);
    truncateSync(join(folder, name), header.byteLength + bytes);
    for (const tensor of tensors) weightMap[tensor.name] = name;
  }
  const index = JSON.stringify({ metadata: {}, weight_map: weightMap });
  writeFileSync(join(folder, "model.safetensors.index.json"), index);
  writeFileSync(join(folder, "config.json"), "{}");
  return folder;
}
