/** config.json files in the layouts that published models have. */

export const LLAMA_OLD = `{
  "_name_or_path": "meta-llama/Llama-2-7b-hf",
  "architectures": [
    "LlamaForCausalLM"
  ],
  "initializer_range": 0.02,
  "num_hidden_layers": 4,
  "rms_norm_eps": 1e-05,
  "rope_scaling": null,
  "rope_theta": 10000.0,
  "torch_dtype": "float16",
  "transformers_version": "4.31.0",
  "vocab_size": 32000
}
`;

export const LLAMA_NEW = `{
  "architectures": [
    "LlamaForCausalLM"
  ],
  "dtype": "bfloat16",
  "num_hidden_layers": 4,
  "rms_norm_eps": 1e-05,
  "rope_parameters": {
    "rope_theta": 500000.0,
    "rope_type": "default"
  },
  "transformers_version": "5.18.0",
  "vocab_size": 128256
}
`;

export const GPT2 = `{
  "activation_function": "gelu_new",
  "architectures": [
    "GPT2LMHeadModel"
  ],
  "n_ctx": 1024,
  "n_embd": 768,
  "n_head": 12,
  "n_layer": 4,
  "task_specific_params": {
    "text-generation": {
      "do_sample": true,
      "n_layer": 4
    }
  },
  "vocab_size": 50257
}`;

export const QWEN = `{
  "architectures": ["Qwen3MoeForCausalLM"],
  "layer_types": [
    "full_attention",
    "full_attention",
    "sliding_attention",
    "linear_attention"
  ],
  "max_window_layers": 4,
  "mlp_only_layers": [
    1,
    3
  ],
  "num_hidden_layers": 4,
  "no_rope_layers": [1, 1, 1, 0],
  "eos_token_id": [1, 2, 3, 4],
  "layer_pairs": [[0, 1], [1, 2], [2, 3], [3, 3]],
  "layers_with_other_length": [1, 2],
  "torch_dtype": "bfloat16",
  "vocab_size": 151936
}
`;

export const GEMMA3 = `{
  "architectures": [
    "Gemma3ForConditionalGeneration"
  ],
  "eoi_token_index": 256000,
  "text_config": {
    "hidden_size": 2560,
    "model_type": "gemma3_text",
    "num_hidden_layers": 2,
    "layer_types": ["sliding_attention", "full_attention"],
    "torch_dtype": "float32"
  },
  "torch_dtype": "float32",
  "transformers_version": "4.50.0.dev0",
  "vision_config": {
    "num_hidden_layers": 2,
    "layer_types": ["a", "b"],
    "torch_dtype": "float32",
    "vocab_size": 7
  }
}
`;
