/** Tensors and configuration of a Llama of a given size. */

/** A tensor to be made, of bf16. */
export interface TensorShape {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface Llama {
  readonly tensors: readonly TensorShape[];
  readonly config: Readonly<Record<string, unknown>>;
}

const HEAD = 64;
/** Size of the model whose dimensions are scaled: 8 layers of 1024, a vocabulary of 32,000. */
const WHOLE = 336e6;

/** A model of about `bytes` bytes: fewer layers, then narrower ones. */
export function llama(bytes: number): Llama {
  const scale = bytes / WHOLE;
  const layers = Math.max(1, Math.round(8 * scale));
  const heads = Math.max(1, Math.round(16 * Math.min(1, Math.sqrt(8 * scale))));
  const hidden = HEAD * heads;
  const wide = (hidden / 4) * 11;
  const vocabulary = Math.max(64, Math.round((32_000 * scale * 1024) / hidden));
  const body = Array.from({ length: layers }, (_, layer) => layerTensors(layer, hidden, wide));
  return {
    tensors: [
      { name: "lm_head.weight", shape: [vocabulary, hidden] },
      { name: "model.embed_tokens.weight", shape: [vocabulary, hidden] },
      ...body.flat(),
      { name: "model.norm.weight", shape: [hidden] },
    ],
    config: {
      architectures: ["LlamaForCausalLM"],
      model_type: "llama",
      hidden_size: hidden,
      intermediate_size: wide,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      num_key_value_heads: heads,
      vocab_size: vocabulary,
      tie_word_embeddings: false,
      torch_dtype: "bfloat16",
    },
  };
}

/** The tensors of one layer, in the order of their names. */
export function layerTensors(layer: number, hidden: number, wide: number): TensorShape[] {
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
