/** Models of random weights on the disk: a base, and others that differ from it as fine-tunes do. */
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { serializeHeader, type WrittenTensor } from "../dist/format/header.js";

export interface TensorShape {
  readonly name: string;
  readonly shape: readonly number[];
}

const HIDDEN = 1024;
const INTERMEDIATE = 2816;
/** Megabytes that 8 layers and a vocabulary of 32,000 make. */
const FULL = 336e6;

/** Names and shapes of a Llama of about `bytes` bytes in bf16. */
export function llamaShapes(bytes: number): TensorShape[] {
  const scale = bytes / FULL;
  const layers = Math.max(1, Math.round(8 * scale));
  const hidden = scale < 1 / 8 ? Math.max(64, Math.round(HIDDEN * Math.sqrt(8 * scale))) : HIDDEN;
  const wide = Math.round((hidden * INTERMEDIATE) / HIDDEN);
  const vocabulary = [Math.max(64, Math.round(32_000 * scale)), hidden];
  const body = Array.from({ length: layers }, (_, layer) => layerShapes(layer, hidden, wide));
  return [
    { name: "model.embed_tokens.weight", shape: vocabulary },
    ...body.flat(),
    { name: "model.norm.weight", shape: [hidden] },
    { name: "lm_head.weight", shape: vocabulary },
  ];
}

function layerShapes(layer: number, hidden: number, wide: number): TensorShape[] {
  const shapes: Record<string, number[]> = {
    input_layernorm: [hidden],
    "mlp.down_proj": [hidden, wide],
    "mlp.gate_proj": [wide, hidden],
    "mlp.up_proj": [wide, hidden],
    post_attention_layernorm: [hidden],
    "self_attn.k_proj": [hidden, hidden],
    "self_attn.o_proj": [hidden, hidden],
    "self_attn.q_proj": [hidden, hidden],
    "self_attn.v_proj": [hidden, hidden],
  };
  return Object.entries(shapes).map(([name, shape]) => {
    return { name: `model.layers.${layer}.${name}.weight`, shape };
  });
}

export function elements({ shape }: TensorShape): number {
  return shape.reduce((product, axis) => product * axis, 1);
}

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

const TABLE = 1 << 16;

/** Draws from a table of normal numbers, which is quick and random enough for weights. */
class Normal {
  static readonly #table = Normal.#fill();
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 0x9e3779b1) | 1;
  }

  next(): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) | 0;
    return Normal.#table[this.#state >>> 16];
  }

  static #fill(): Float32Array {
    let state = 7;
    const uniform = () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state + 1) / 2 ** 32;
    };
    return Float32Array.from({ length: TABLE }, () => {
      return Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    });
  }
}

const SCALE = 0.02;
/** Standard deviation of a fine-tune's delta; many deltas vanish in bf16, as in real models. */
const DELTA = 0.0008;
const CHUNK = 1 << 22;

function fill(into: Uint16Array, base: Normal, delta: Normal | undefined): void {
  const value = new Float32Array(1);
  const bits = new Uint32Array(value.buffer);
  for (let i = 0; i < into.length; i++) {
    value[0] = base.next() * SCALE + (delta === undefined ? 0 : delta.next() * DELTA);
    into[i] = (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) >>> 16;
  }
}

function writeWeights(path: string, tensors: readonly TensorShape[], seed: number): void {
  const descriptor = openSync(path, "w");
  const base = new Normal(1);
  const delta = seed === 0 ? undefined : new Normal(seed + 1);
  const chunk = new Uint16Array(CHUNK);
  writeSync(descriptor, headerOf(tensors));
  for (let left = tensors.reduce((sum, each) => sum + elements(each), 0); left > 0; ) {
    const part = chunk.subarray(0, Math.min(left, CHUNK));
    fill(part, base, delta);
    writeSync(descriptor, part);
    left -= part.length;
  }
  closeSync(descriptor);
}

/** Folders of `count` models of these tensors, the base first; written unless they are there. */
export function makeModels(
  folder: string,
  tensors: readonly TensorShape[],
  count: number,
): string[] {
  return Array.from({ length: count }, (_, seed) => {
    const path = join(folder, `model-${seed}`);
    if (existsSync(join(path, "config.json"))) return path;
    mkdirSync(path, { recursive: true });
    writeWeights(join(path, "model.safetensors"), tensors, seed);
    writeFileSync(join(path, "config.json"), JSON.stringify({ model_type: "llama" }));
    return path;
  });
}
