import { KeyValueCache } from "./cache.ts";
import { Matrix } from "./matrix.ts";
import { addTo, argmax, rmsNorm } from "./vectors.ts";

/** The entries of a Llama's `config.json` that its forward pass depends on. */
export interface LlamaConfig {
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  head_dim: number;
  vocab_size: number;
  max_position_embeddings: number;
  rms_norm_eps: number;
  rope_parameters: { rope_theta: number };
}

/** Gives the elements of a tensor by its name in the checkpoint. */
export type TensorLookup = (name: string) => Float32Array;

/** Sees the residual stream of a block of rows: after the embedding, then after each layer. */
export type Trace = (residual: Float64Array) => void;

interface Layer {
  inputNorm: Float32Array;
  query: Matrix;
  key: Matrix;
  value: Matrix;
  output: Matrix;
  mlpNorm: Float32Array;
  gate: Matrix;
  up: Matrix;
  down: Matrix;
}

/** Tokens computed together; few enough that their activations stay in a core's cache. */
const BLOCK = 64;

/** A Llama with a tied embedding and no biases, in float64 arithmetic. */
export class Llama {
  readonly config: LlamaConfig;
  readonly #embedding: Float32Array;
  readonly #layers: Layer[];
  readonly #norm: Float32Array;
  readonly #head: Matrix;
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;
  /** Activations of a block: the residual stream, its norm, and the widest intermediate results. */
  readonly #x: Float64Array;
  readonly #h: Float64Array;
  readonly #queries: Float64Array;
  readonly #attended: Float64Array;
  readonly #gate: Float64Array;
  readonly #up: Float64Array;

  constructor(config: LlamaConfig, tensor: TensorLookup) {
    this.config = config;
    const { hidden_size, intermediate_size, num_hidden_layers, num_attention_heads } = config;
    this.#embedding = tensor("model.embed_tokens.weight");
    this.#layers = Array.from({ length: num_hidden_layers }, (_, i) =>
      readLayer(i, config, tensor),
    );
    this.#norm = tensor("model.norm.weight");
    this.#head = new Matrix(this.#embedding, hidden_size);
    const angles = rotaryAngles(config);
    this.#cos = angles.map(Math.cos);
    this.#sin = angles.map(Math.sin);
    const space = (width: number) => new Float64Array(BLOCK * width);
    this.#x = space(hidden_size);
    this.#h = space(hidden_size);
    this.#queries = space(num_attention_heads * config.head_dim);
    this.#attended = space(num_attention_heads * config.head_dim);
    this.#gate = space(intermediate_size);
    this.#up = space(intermediate_size);
  }

  /** The logits at every position of a sequence. */
  logits(ids: readonly number[], trace?: Trace): Float64Array[] {
    const { vocab_size } = this.config;
    const cache = this.#newCache();
    const last = cache.appendAll(ids);
    this.#forward(cache, trace);
    return cache.path(last).map((i) => cache.logits.slice(i * vocab_size, (i + 1) * vocab_size));
  }

  /**
   * Continues each prompt with the likeliest token, again and again, for as long as `goesOn` says
   * so of the prompt's index and its continuation so far. At least one token per prompt.
   */
  greedy(
    prompts: readonly (readonly number[])[],
    goesOn: (prompt: number, continuation: readonly number[]) => boolean,
  ): number[][] {
    const { vocab_size } = this.config;
    const cache = this.#newCache();
    const last = prompts.map((ids) => cache.appendAll(ids));
    const continuations: number[][] = prompts.map(() => []);
    let open = prompts.map((_, i) => i);
    while (open.length > 0) {
      this.#forward(cache);
      for (const i of open) {
        const start = last[i] * vocab_size;
        continuations[i].push(argmax(cache.logits.subarray(start, start + vocab_size)));
      }
      open = open.filter((i) => goesOn(i, continuations[i]));
      for (const i of open) last[i] = cache.append(continuations[i].at(-1)!, last[i]);
    }
    return continuations;
  }

  #newCache(): KeyValueCache {
    const { num_hidden_layers, num_key_value_heads, head_dim, vocab_size } = this.config;
    const width = num_key_value_heads * head_dim;
    return new KeyValueCache({ layers: num_hidden_layers, width, vocabulary: vocab_size });
  }

  /** Computes the tokens of the cache that are not computed yet. */
  #forward(cache: KeyValueCache, trace?: Trace): void {
    const { hidden_size, vocab_size, rms_norm_eps } = this.config;
    cache.reserve();
    while (cache.computed < cache.tokens.length) {
      const first = cache.computed;
      const rows = Math.min(BLOCK, cache.tokens.length - first);
      for (let row = 0; row < rows; row++) {
        const start = cache.tokens[first + row] * hidden_size;
        this.#x.set(this.#embedding.subarray(start, start + hidden_size), row * hidden_size);
      }
      trace?.(this.#x.slice(0, rows * hidden_size));
      for (let i = 0; i < this.#layers.length; i++) {
        this.#attend(cache, i, first, rows);
        this.#feedForward(this.#layers[i], rows);
        trace?.(this.#x.slice(0, rows * hidden_size));
      }
      rmsNorm(this.#x, this.#norm, rms_norm_eps, this.#h, rows);
      this.#head.multiply(this.#h, cache.logits.subarray(first * vocab_size), rows);
      cache.computed += rows;
    }
  }

  /** Adds a layer's attention to the residual stream of the tokens from `first` on. */
  #attend(cache: KeyValueCache, index: number, first: number, rows: number): void {
    const { num_attention_heads, num_key_value_heads, head_dim, rms_norm_eps } = this.config;
    const layer = this.#layers[index];
    const width = num_key_value_heads * head_dim;
    const keys = cache.keys[index];
    const newKeys = keys.subarray(first * width);
    rmsNorm(this.#x, layer.inputNorm, rms_norm_eps, this.#h, rows);
    layer.query.multiply(this.#h, this.#queries, rows);
    layer.key.multiply(this.#h, newKeys, rows);
    layer.value.multiply(this.#h, cache.values[index].subarray(first * width), rows);
    for (let row = 0; row < rows; row++) {
      const path = cache.path(first + row);
      this.#rotate(this.#queries, row, num_attention_heads, path.length - 1);
      this.#rotate(newKeys, row, num_key_value_heads, path.length - 1);
      for (let head = 0; head < num_attention_heads; head++) {
        this.#attendHead(keys, cache.values[index], path, row, head);
      }
    }
    layer.output.multiply(this.#attended, this.#h, rows);
    addTo(this.#x, this.#h, rows * this.config.hidden_size);
  }

  /** Causal softmax attention of one head for one row, over the tokens of its `path`. */
  #attendHead(
    keys: Float64Array,
    values: Float64Array,
    path: readonly number[],
    row: number,
    head: number,
  ): void {
    const { num_attention_heads, num_key_value_heads, head_dim } = this.config;
    const group = Math.floor((head * num_key_value_heads) / num_attention_heads);
    const at = (row * num_attention_heads + head) * head_dim;
    const source = path.map((token) => (token * num_key_value_heads + group) * head_dim);
    const scores = source.map((start) => {
      let sum = 0;
      for (let k = 0; k < head_dim; k++) sum += this.#queries[at + k] * keys[start + k];
      return sum / Math.sqrt(head_dim);
    });
    const largest = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - largest));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (let k = 0; k < head_dim; k++) {
      let sum = 0;
      for (let i = 0; i < source.length; i++) sum += weights[i] * values[source[i] + k];
      this.#attended[at + k] = sum / total;
    }
  }

  /** Rotary position embedding in place: element i of a head turns with element i + head_dim/2. */
  #rotate(vectors: Float64Array, row: number, heads: number, position: number): void {
    const { head_dim } = this.config;
    const half = head_dim / 2;
    for (let head = 0; head < heads; head++) {
      const start = (row * heads + head) * head_dim;
      for (let i = 0; i < half; i++) {
        const cos = this.#cos[position * half + i];
        const sin = this.#sin[position * half + i];
        const a = vectors[start + i];
        const b = vectors[start + half + i];
        vectors[start + i] = a * cos - b * sin;
        vectors[start + half + i] = b * cos + a * sin;
      }
    }
  }

  /** Adds a layer's gated MLP to the residual stream. */
  #feedForward(layer: Layer, rows: number): void {
    const { hidden_size, intermediate_size, rms_norm_eps } = this.config;
    rmsNorm(this.#x, layer.mlpNorm, rms_norm_eps, this.#h, rows);
    layer.gate.multiply(this.#h, this.#gate, rows);
    layer.up.multiply(this.#h, this.#up, rows);
    for (let i = 0; i < rows * intermediate_size; i++) {
      this.#up[i] *= this.#gate[i] / (1 + Math.exp(-this.#gate[i]));
    }
    layer.down.multiply(this.#up, this.#h, rows);
    addTo(this.#x, this.#h, rows * hidden_size);
  }
}

function readLayer(index: number, config: LlamaConfig, tensor: TensorLookup): Layer {
  const { hidden_size, intermediate_size, num_attention_heads, head_dim } = config;
  const read = (name: string) => tensor(`model.layers.${index}.${name}.weight`);
  const matrix = (name: string, inputs: number) => new Matrix(read(name), inputs);
  return {
    inputNorm: read("input_layernorm"),
    query: matrix("self_attn.q_proj", hidden_size),
    key: matrix("self_attn.k_proj", hidden_size),
    value: matrix("self_attn.v_proj", hidden_size),
    output: matrix("self_attn.o_proj", num_attention_heads * head_dim),
    mlpNorm: read("post_attention_layernorm"),
    gate: matrix("mlp.gate_proj", hidden_size),
    up: matrix("mlp.up_proj", hidden_size),
    down: matrix("mlp.down_proj", intermediate_size),
  };
}

/** The angle of every position and pair of elements. */
function rotaryAngles(config: LlamaConfig): Float64Array {
  const { max_position_embeddings, head_dim, rope_parameters } = config;
  const half = head_dim / 2;
  return Float64Array.from({ length: max_position_embeddings * half }, (_, at) => {
    const frequency = rope_parameters.rope_theta ** ((-2 * (at % half)) / head_dim);
    return Math.floor(at / half) * frequency;
  });
}
